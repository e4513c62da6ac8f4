using System.Text.RegularExpressions;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Importers;

/// <summary>Models from public reports: they compile, or what the help says is applied word for word, and then they compile.</summary>
public sealed partial class FieldHelpTests
{
    private const string Field = "field";

    /// <summary>A case of symbolic links, which are texts where the data were copied without them: ExternalDataPathTests lays them.</summary>
    private const string Links = "10-hf-cache-symlinks";

    private const int MostRounds = 4, Size = 4;

    /// <summary>Refusals whose way on is not an option: the model has to be made again.</summary>
    private static readonly Dictionary<string, string> s_noOption = new(StringComparer.Ordinal)
    {
        ["06d-nbits-gidx"] = "quantise the model again without act_order",
    };

    /// <summary>Refusals whose help is still not enough, with the reason.</summary>
    private static readonly Dictionary<string, string> s_known = new(StringComparer.Ordinal)
    {
        ["45b-order-rotary-first"] = "the two names of one length are found in another order of nodes only",
        ["56-loop-constant-trips"] = "the loop is the whole model",
    };

    public static IEnumerable<object[]> Models => TestData.Has(Field)
        ? Directory.GetFiles(TestData.Get(Field), "model.onnx", SearchOption.AllDirectories).Where(f => !f.Contains(Links, StringComparison.Ordinal)).Select(f => new object[] { Path.GetRelativePath(TestData.Get(Field), f).Replace('\\', '/') }).OrderBy(f => (string)f[0], StringComparer.Ordinal)
        : [["none"]];

    [DataTheory(Field)]
    [MemberData(nameof(Models))]
    public void What_the_help_says_makes_the_model_compile(string model)
    {
        string path = Path.Combine(TestData.Get(Field), model), name = model.Split('/')[0];
        var import = new ImportOptions();
        for (int round = 0; round < MostRounds; round++)
        {
            try
            {
                Assert.NotNull(CompilerDriver.Compile(path, new CompileOptions { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName), Precision = Precision.F32, Import = import }, []).Image);
                Assert.False(s_known.ContainsKey(name), $"{name} compiles: it is no longer a known gap");
                return;
            }
            catch (DiagnosticException e)
            {
                Assert.All(e.Diagnostics, d => Assert.False(string.IsNullOrEmpty(d.Help), $"no way on: {d}"));
                if (s_noOption.TryGetValue(name, out string? wayOn))
                {
                    Assert.Contains(wayOn, e.Diagnostics[0].Help, StringComparison.Ordinal);
                    return;
                }
                ImportOptions next = Apply(import, e.Diagnostics[0], path);
                if (ReferenceEquals(next, import) || round == MostRounds - 1)
                {
                    Assert.True(s_known.ContainsKey(name), $"after {round} helps: {e.Diagnostics[0]}");
                    return;
                }
                import = next;
            }
        }
    }

    /// <summary>The options that a help names, with 4 for N and the case's own input for a file; the same options when it names none.</summary>
    private static ImportOptions Apply(ImportOptions options, Diagnostic diagnostic, string path)
    {
        string help = diagnostic.Help!;
        if (BindForm().Match(help) is { Success: true } bind)
        {
            var bindings = options.Bindings.ToDictionary();
            foreach (Match pair in PairForm().Matches(bind.Groups[1].Value))
            {
                bindings[pair.Groups[1].Value] = pair.Groups[2].Value == "N" ? DimensionLimit.To(Size) : DimensionLimit.AtMost(long.Parse(pair.Groups[2].Value[2..], System.Globalization.CultureInfo.InvariantCulture));
            }
            return bindings.Count == options.Bindings.Count ? options : options with { Bindings = bindings };
        }
        if (ConstForm().Match(help) is { Success: true } constant)
        {
            string input = constant.Groups[1].Value;
            string file = Directory.GetFiles(Path.GetDirectoryName(path)!, $"{input}.npy", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
            return options with { Constants = new Dictionary<string, Tensor>(options.Constants) { [input] = NpyFile.Read(file) } };
        }
        return OutputsForm().Match(help) is { Success: true } outputs ? options with { Outputs = [outputs.Groups[1].Value] } : options;
    }

    [GeneratedRegex(@"--bind ((?:\S+=(?:N|\.\.\d+)\s?)+)")]
    private static partial Regex BindForm();

    [GeneratedRegex(@"(\S+)=(N|\.\.\d+)")]
    private static partial Regex PairForm();

    [GeneratedRegex(@"--const (\S+)=FILE\.npy")]
    private static partial Regex ConstForm();

    [GeneratedRegex(@"--outputs (\S+)")]
    private static partial Regex OutputsForm();
}
