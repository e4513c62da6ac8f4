using System.Text.Json;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.EndToEnd;

/// <summary>
/// Graphs of ONNX Runtime's optimiser tests, each compiled once and run on all its cases. Tolerances follow the cards:
/// the arithmetic of the graph, and how far ONNX Runtime itself moves between its optimisation levels.
/// </summary>
public sealed class FusionGraphTests
{
    private const string Suite = "conformance/ort-fusion";

    /// <summary>A golden as small as float16 goes may be rounded by one step of it.</summary>
    private const double SmallestHalf = 5.960464477539063e-8;

    private const double Floor = 0.95;

    /// <summary>Graphs that do not agree, with the reason.</summary>
    private static readonly Dictionary<string, string> s_known = new(StringComparer.Ordinal)
    {
        ["gpt2_attention_add_opt_skiplayernorm"] = "scores beyond 10^4: one rounding of a score in f32 moves the result by 10^-3",
        ["gpt2_attention_opt_skiplayernorm"] = "scores beyond 10^4: one rounding of a score in f32 moves the result by 10^-3",
        ["dynamic_quantize_matmul_uint8_bias"] = "its cases broadcast C over N in one and make them equal in the other: two binaries",
    };

    /// <summary>A vector of C that is one number, and a mask table of 1024 positions for past and new tokens together.</summary>
    private static readonly Dictionary<string, DimensionLimit> s_pastState = new(StringComparer.Ordinal)
    {
        ["C"] = DimensionLimit.To(1),
        ["seq_len"] = DimensionLimit.AtMost(512),
        ["past_sequence_length"] = DimensionLimit.AtMost(512),
    };

    [DataFact(Suite)]
    public void At_least_95_percent_agree_and_the_others_have_a_reason()
    {
        string[] folders = [.. Directory.GetDirectories(TestData.Get(Suite)).Order(StringComparer.Ordinal)];
        var problems = new string?[folders.Length];
        Parallel.For(0, folders.Length, i => problems[i] = Problem(folders[i]));
        (string Name, string? Problem)[] wrong = [.. folders.Select(f => Path.GetFileName(f)).Zip(problems).Where(p => p.Second is not null)];
        Assert.DoesNotContain(wrong, w => !s_known.ContainsKey(w.Name));
        Assert.True(folders.Length - wrong.Length >= Floor * folders.Length, string.Join('\n', wrong));
    }

    private static string? Problem(string folder)
    {
        using JsonDocument card = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "card.json")));
        try
        {
            VerificationResult result = ModelVerifier.VerifyModel(Path.Combine(folder, "model.onnx"),
                new CompileOptions { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName), Precision = Precision.F32, Import = Options(folder) }, new VerifyOptions { CasesFolder = folder }, []);
            return result.Cases.SelectMany(c => c.Outputs.Where(o => !Agrees(o, card.RootElement.GetProperty("outputs").GetProperty(o.Name))).Select(o => $"{c.Name} {o.Name} {o.Problem} {o.Errors.MaxAbsolute:G3}")).FirstOrDefault();
        }
        catch (DiagnosticException e)
        {
            return e.Message;
        }
    }

    private static ImportOptions Options(string folder) =>
        new() { Bindings = Path.GetFileName(folder).StartsWith("attention_past_state", StringComparison.Ordinal) ? s_pastState : new Dictionary<string, DimensionLimit>() };

    private static bool Agrees(OutputComparison output, JsonElement card)
    {
        double floor = Math.Max(card.TryGetProperty("ort_spread", out JsonElement spread) ? 10 * spread.GetDouble() : 0,
            card.GetProperty("dtype").GetString() == "float16" ? SmallestHalf : 0);
        return output.Passed || (output.Problem is null && output.Errors.MaxAbsolute <= floor);
    }
}
