using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Tests.Importers;

/// <summary>
/// The declarations of operators against ONNX Runtime, which checks every node against the operator's definition before
/// anything else: the same numbers of inputs and outputs, the same attributes of the same types, in every version.
/// </summary>
public sealed partial class OnnxSignatureTests
{
    /// <summary>The newest operator set that ONNX Runtime loads without a word about its being a draft.</summary>
    private const long NewestReleased = 26;

    /// <summary>Operators whose nodes ONNX Runtime does not check, since it has them for old files in no operator set of their own.</summary>
    private static readonly HashSet<string> s_unchecked = ["LayerNormalization", "SimplifiedLayerNormalization", "Constant"];

    /// <summary>Declarations that go beyond ONNX Runtime 1.31, with the reason.</summary>
    private static readonly Dictionary<(string Operator, string What), string> s_known = new()
    {
        [("Attention", "left_window_size")] = "of version 25 in the standard, not in ONNX Runtime yet",
        [("Attention", "right_window_size")] = "of version 25 in the standard, not in ONNX Runtime yet",
        [("QMoE", "inputs")] = "the last six inputs, scales of other number formats, are not known here: a node that has them is refused",
        [("If", "outputs")] = "ONNX Runtime takes a branch without outputs, which no model has",
        [("Split", "outputs")] = "ONNX Runtime takes a split without outputs, which no model has",
    };

    public static IEnumerable<object[]> Operators => OperatorTable.All.Select(e => new object[] { e.Domain, e.Name }).DistinctBy(o => (o[0], o[1]));

    [Theory]
    [MemberData(nameof(Operators))]
    public void Declarations_are_those_of_ONNX_Runtime(string domain, string name)
    {
        if (s_unchecked.Contains(name))
        {
            return;
        }
        var differences = new List<string>();
        foreach (OperatorEntry entry in OperatorTable.All.Where(e => e.Domain == domain && e.Name == name))
        {
            foreach (OperatorSignature signature in entry.Signatures)
            {
                long next = entry.Signatures.SkipWhile(s => s != signature).Skip(1).FirstOrDefault()?.Since ?? long.Min(entry.MaximumOpset, domain.Length == 0 ? NewestReleased : 1) + 1;
                foreach (long version in new[] { signature.Since, next - 1 }.Where(v => v <= NewestReleased && v >= signature.Since).Distinct())
                {
                    differences.AddRange(Compare(domain, name, version, signature).Where(d => !s_known.ContainsKey((name, d.What))).Select(d => $"version {version}: {d.Text}"));
                }
            }
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    private static IEnumerable<(string What, string Text)> Compare(string domain, string name, long version, OperatorSignature signature)
    {
        int least = Least(signature.Inputs), leastOutputs = Least(signature.Outputs);
        foreach ((string what, int count, int min, int? max) in new[]
        {
            ("inputs", 60, least, Most(signature.Inputs)), ("inputs", 0, least, Most(signature.Inputs)),
            ("outputs", 60, leastOutputs, Most(signature.Outputs)), ("outputs", 0, leastOutputs, Most(signature.Outputs)),
        })
        {
            bool areInputs = what == "inputs";
            string answer = Load(domain, name, version, areInputs ? count : int.Max(1, least), areInputs ? 60 : count, []);
            Match range = SizeRange().Match(answer);
            string expected = $"[min={min}, max={max ?? int.MaxValue}]";
            if (range.Success && range.Groups[1].Value == what[..^1] && range.Groups[2].Value != expected)
            {
                yield return (what, $"{what} {range.Groups[2].Value}, declared {expected}");
            }
            else if (answer.Contains("No Op registered", StringComparison.Ordinal) || answer.Contains("deprecated", StringComparison.Ordinal))
            {
                yield return ("version", answer);
            }
        }
        int outputs = int.Max(1, leastOutputs);
        foreach (string attribute in OperatorTable.All.SelectMany(e => e.Signatures).SelectMany(s => s.Attributes).Select(a => a.Name).Distinct().Order(StringComparer.Ordinal))
        {
            string answer = Load(domain, name, version, least, outputs, [(attribute, AttributeProto.Types.AttributeType.Tensors)]);
            AttributeDeclaration? declared = signature.Attributes.FirstOrDefault(a => a.Name == attribute);
            bool isKnown = !answer.Contains("Unrecognized attribute", StringComparison.Ordinal);
            if (isKnown != (declared is not null))
            {
                yield return (attribute, $"attribute {attribute} is {(isKnown ? "" : "not ")}one of ONNX Runtime's");
            }
            else if (declared is { Role: not AttributeRole.Refused } && ExpectedType().Match(answer) is { Success: true } type && type.Groups[1].Value != AttributeText.NameOf((int)declared.Kind) && !(type.Groups[1].Value == "STRING" && declared.Kind == AttributeKind.Text))
            {
                yield return (attribute, $"attribute {attribute} is {type.Groups[1].Value}, declared {declared.Kind}");
            }
        }
        AttributeDeclaration[] required = [.. signature.Attributes.Where(a => a.IsRequired)];
        foreach (AttributeDeclaration one in required)
        {
            string answer = Load(domain, name, version, least, outputs, required.Where(a => a != one).Select(a => (a.Name, (AttributeProto.Types.AttributeType)a.Kind)));
            if (!answer.Contains($"Required attribute '{one.Name}' is missing", StringComparison.Ordinal))
            {
                yield return (one.Name, $"attribute {one.Name} is declared as required; ONNX Runtime says {answer}");
            }
        }
        if (RequiredName().Match(Load(domain, name, version, least, outputs, required.Select(a => (a.Name, (AttributeProto.Types.AttributeType)a.Kind)))) is { Success: true } missing)
        {
            yield return (missing.Groups[1].Value, $"attribute {missing.Groups[1].Value} is required by ONNX Runtime");
        }
    }

    private static int Least(IReadOnlyList<ArgumentDeclaration> arguments) => arguments.Select((a, i) => a.IsOptional ? 0 : i + 1).DefaultIfEmpty(0).Max();

    private static int? Most(IReadOnlyList<ArgumentDeclaration> arguments) => arguments is [.., { IsVariadic: true }] ? null : arguments.Count;

    /// <summary>What ONNX Runtime says of a model of one node.</summary>
    private static string Load(string domain, string name, long version, int inputs, int outputs, IEnumerable<(string Name, AttributeProto.Types.AttributeType Type)> attributes)
    {
        var builder = new OnnxBuilder(domain.Length == 0 ? version : 17);
        if (domain.Length > 0)
        {
            builder.Model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = version });
        }
        string Names(string prefix, int count) => string.Join(' ', Enumerable.Range(0, count).Select(i => prefix + i.ToString(CultureInfo.InvariantCulture)));
        for (int i = 0; i < inputs; i++)
        {
            builder.Input($"i{i}", 1, 2);
        }
        for (int i = 0; i < outputs; i++)
        {
            builder.Output($"o{i}");
        }
        builder.Node(domain, name, Names("i", inputs), Names("o", outputs), [.. attributes.Select(a => new AttributeProto { Name = a.Name, Type = a.Type, G = a.Type == AttributeProto.Types.AttributeType.Graph ? new GraphProto { Name = "branch" } : null })]);
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, IntraOpNumThreads = 1, GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL };
        try
        {
            using var session = new InferenceSession(builder.Model.ToByteArray(), options);
            return "";
        }
        catch (OnnxRuntimeException e)
        {
            return e.Message;
        }
    }

    [GeneratedRegex(@"(input|output) size \d+ not in range (\[min=\d+, max=\d+\])")]
    private static partial Regex SizeRange();

    [GeneratedRegex("Expected: '([A-Z_]+)'")]
    private static partial Regex ExpectedType();

    [GeneratedRegex("Required attribute '([^']+)' is missing")]
    private static partial Regex RequiredName();
}
