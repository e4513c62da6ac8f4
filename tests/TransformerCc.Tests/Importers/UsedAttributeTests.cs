using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Google.Protobuf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;
using static TransformerCc.Compiler.Importers.Onnx.Proto.AttributeProto.Types;

namespace TransformerCc.Tests.Importers;

/// <summary>No attribute that is declared as used is read and thrown away: another value gives another result, or is refused.</summary>
public sealed partial class UsedAttributeTests
{
    /// <summary>Attributes that no sample of one node can show, with the test that shows them.</summary>
    private static readonly Dictionary<(string, string), string> s_elsewhere = new()
    {
        [("If", "then_branch")] = nameof(OnnxBranchTests),
        [("If", "else_branch")] = nameof(OnnxBranchTests),
    };

    public static IEnumerable<object[]> Samples => AttributeSamples.All.Select((s, i) => new object[] { i, $"{s.Operator}-{s.Version} {s.Changes}" });

    [Fact]
    public void Every_used_attribute_of_every_version_has_a_sample()
    {
        string[] missing = [.. from entry in OperatorTable.All
            from signature in entry.Signatures
            let name = entry.Domain.Length == 0 ? entry.Name : $"{entry.Domain}.{entry.Name}"
            from attribute in signature.Attributes
            where attribute.Role == AttributeRole.Used && !s_elsewhere.ContainsKey((name, attribute.Name))
                && !AttributeSamples.All.Any(s => s.Operator == name && entry.Signature(s.Version) == signature && Attributes(s.Changes).Any(c => c.Name == attribute.Name))
            select $"{name}-{signature.Since} {attribute.Name}"];
        Assert.True(missing.Length == 0, string.Join('\n', missing));
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void Another_value_gives_another_result(int index, string name)
    {
        AttributeSample sample = AttributeSamples.All[index];
        (string Name, AttributeProto? Value)[] given = [.. Attributes(sample.Attributes)];
        string original = Result(sample, given) ?? throw new InvalidOperationException($"{name}: the sample itself is refused");
        foreach ((string attribute, AttributeProto? value) in Attributes(sample.Changes))
        {
            string? changed = Result(sample, [.. given.Where(g => g.Name != attribute), (attribute, value)]);
            Assert.True(changed != original, $"{name}: {attribute} = {value} changes nothing");
        }
    }

    /// <summary>Types, shapes and elements of the results; null when the model is refused.</summary>
    private static string? Result(AttributeSample sample, IEnumerable<(string Name, AttributeProto? Value)> attributes)
    {
        int dot = sample.Operator.LastIndexOf('.');
        string domain = dot < 0 ? "" : sample.Operator[..dot];
        var builder = new OnnxBuilder(dot < 0 ? sample.Version : 17);
        var names = new List<string>();
        foreach (string input in sample.Inputs.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            names.Add(input == "_" ? "_" : $"i{names.Count}");
            if (input != "_")
            {
                Declare(builder, names[^1], input);
            }
        }
        string[] outputs = [.. Enumerable.Range(0, sample.Outputs).Select(i => $"o{i}")];
        builder.Node(domain, sample.Operator[(dot + 1)..], string.Join(' ', names), string.Join(' ', outputs), [.. attributes.Select(a => a.Value).OfType<AttributeProto>()]);
        foreach (string output in outputs)
        {
            builder.Output(output);
        }
        try
        {
            Graph graph = builder.Import();
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(graph, new Dictionary<string, long>(), seed: 3);
            return string.Join('\n', GraphEvaluator.Evaluate(graph, inputs, new Dictionary<string, long>()).OrderBy(o => o.Key, StringComparer.Ordinal)
                .Select(o => $"{o.Value.Type}[{string.Join(", ", o.Value.Shape.ToArray())}] {Convert.ToHexString(o.Value.Data.Span)}"));
        }
        catch (DiagnosticException)
        {
            return null;
        }
    }

    private static void Declare(OnnxBuilder builder, string name, string text)
    {
        Match m = InputText().Match(text);
        Assert.True(m.Success, text);
        long[] shape = [.. m.Groups[2].Value.Split(',').Select(d => long.Parse(d, CultureInfo.InvariantCulture))];
        (int type, int size) = m.Groups[1].Value switch { "f" => (1, 4), "h" => (10, 2), "i" => (7, 8), "j" => (6, 4), "u" => (2, 1), "s" => (3, 1), "b" => (9, 1), "e" => (17, 1), _ => throw new InvalidOperationException(text) };
        if (!m.Groups[3].Success)
        {
            builder.Input(name, type, [.. shape.Select(d => (object)d)]);
            return;
        }
        string[] values = m.Groups[3].Value.Split(',');
        var bytes = new List<byte>();
        for (long i = 0; i < shape.Aggregate(1L, (a, b) => a * b); i++)
        {
            string value = values[i % values.Length];
            bytes.AddRange(type == 1 ? BitConverter.GetBytes(float.Parse(value, CultureInfo.InvariantCulture)) : BitConverter.GetBytes(long.Parse(value, CultureInfo.InvariantCulture))[..size]);
        }
        builder.Initializer(name, type, shape, CollectionsMarshal.AsSpan(bytes));
    }

    private static IEnumerable<(string Name, AttributeProto? Value)> Attributes(string text) =>
        AttributeTextForm().Matches(text).Select(m => (m.Groups[1].Value, Value(m.Groups[1].Value, m.Groups[2].Value)));

    private static AttributeProto? Value(string name, string text)
    {
        float Real(string s) => float.Parse(s, CultureInfo.InvariantCulture);
        long Whole(string s) => long.Parse(s, CultureInfo.InvariantCulture);
        return text switch
        {
            "" => null,
            ['\'', .. var word, '\''] => new() { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(word) },
            ['[', .. var list, ']'] when list.Contains('.', StringComparison.Ordinal) => new() { Name = name, Type = AttributeType.Floats, Floats = { list.Split(' ').Select(Real) } },
            ['[', .. var list, ']'] => new() { Name = name, Type = AttributeType.Ints, Ints = { list.Split(' ').Select(Whole) } },
            ['t', .. var number] => new() { Name = name, Type = AttributeType.Tensor, T = new TensorProto { DataType = 1, Dims = { 1 }, FloatData = { Real(number) } } },
            _ when text.AsSpan().ContainsAny('.', 'e') => new() { Name = name, Type = AttributeType.Float, F = Real(text) },
            _ => new() { Name = name, Type = AttributeType.Int, I = Whole(text) },
        };
    }

    [GeneratedRegex(@"^([a-z])\[([0-9,]*)\](?:=(.*))?$")]
    private static partial Regex InputText();

    [GeneratedRegex(@"(\w+)=('[^']*'|\[[^\]]*\]|\S*)")]
    private static partial Regex AttributeTextForm();
}
