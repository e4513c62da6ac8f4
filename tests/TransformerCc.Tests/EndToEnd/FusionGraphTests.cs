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

    /// <summary>Half the goldens' rounding, where they are as small as float16 goes.</summary>
    private const double SmallestHalf = 5.960464477539063e-8;

    /// <summary>
    /// Scores beyond 10⁴ (random keys of up to 60 in a head of 16): one rounding of a score in f32 moves the result by
    /// 10⁻³, so agreement to 10⁻⁴ would be chance.
    /// </summary>
    private static readonly string[] s_illConditioned = ["gpt2_attention_add_opt_skiplayernorm", "gpt2_attention_opt_skiplayernorm"];

    [DataFact(Suite)]
    public void Every_graph_that_compiles_agrees_and_95_percent_do()
    {
        string[] folders = [.. Directory.GetDirectories(TestData.Get(Suite)).Order(StringComparer.Ordinal)];
        var problems = new string?[folders.Length];
        Parallel.For(0, folders.Length, i => problems[i] = Problem(folders[i]));
        string[] wrong = [.. folders.Zip(problems).Where(p => p.Second is not null).Select(p => $"{Path.GetFileName(p.First)}: {p.Second}")];
        Assert.Empty(wrong.Where(w => !w.Contains("TCC1101", StringComparison.Ordinal) && !s_illConditioned.Contains(w.Split(':')[0])));
        Assert.True(folders.Length - wrong.Length >= Floor * folders.Length, string.Join('\n', wrong));
    }

    private const double Floor = 0.95;

    private static string? Problem(string folder)
    {
        using JsonDocument card = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "card.json")));
        try
        {
            VerificationResult result = ModelVerifier.VerifyModel(Path.Combine(folder, "model.onnx"),
                new CompileOptions { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName), Precision = Precision.F32 }, new VerifyOptions { CasesFolder = folder }, []);
            return result.Cases.SelectMany(c => c.Outputs.Where(o => !Agrees(o, card.RootElement.GetProperty("outputs").GetProperty(o.Name))).Select(o => $"{c.Name} {o.Name} {o.Problem} {o.Errors.MaxAbsolute:G3}")).FirstOrDefault();
        }
        catch (DiagnosticException e)
        {
            return e.Message;
        }
    }

    private static bool Agrees(OutputComparison output, JsonElement card)
    {
        double floor = Math.Max(card.TryGetProperty("ort_spread", out JsonElement spread) ? 10 * spread.GetDouble() : 0,
            card.GetProperty("dtype").GetString() == "float16" ? SmallestHalf : 0);
        return output.Passed || (output.Problem is null && output.Errors.MaxAbsolute <= floor);
    }
}
