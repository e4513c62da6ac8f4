using System.Text.Json;
using TransformerCc.Compiler;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

/// <summary>
/// Whole models against their golden outputs, one binary for all cases of a model, in checking mode. The tolerances are
/// those of each model's card.
/// </summary>
public sealed class PretrainedModelTests
{
    [DataTheory("models/gpt-nano-sort", "models/stories260k-onnx", "models/kwt1", "models/use-lite")]
    [InlineData("gpt-nano-sort", "tx1")]
    [InlineData("gpt-nano-sort", "tx1-edge")]
    [InlineData("stories260k-onnx", "tx1")]
    [InlineData("stories260k-onnx", "tx1-edge")]
    [InlineData("kwt1", "tx1")]
    [InlineData("kwt1", "tx1-edge")]
    [InlineData("use-lite", "tx1")]
    [InlineData("use-lite", "tx1-edge")]
    public void Pretrained_model_meets_its_card_at_f32(string model, string chip) => ExpectCardTolerance(model, Verify(model, chip, Precision.F32));

    /// <param name="picks">Whether the model's users read the largest output: a classifier or a language model.</param>
    [DataTheory("models/gpt-nano-sort", "models/stories260k-onnx", "models/kwt1", "models/use-lite")]
    [InlineData("gpt-nano-sort", "tx1", true)]
    [InlineData("gpt-nano-sort", "tx1-edge", true)]
    [InlineData("stories260k-onnx", "tx1", true)]
    [InlineData("stories260k-onnx", "tx1-edge", true)]
    [InlineData("kwt1", "tx1", true)]
    [InlineData("kwt1", "tx1-edge", true)]
    [InlineData("use-lite", "tx1", false)]
    [InlineData("use-lite", "tx1-edge", false)]
    public void Pretrained_model_keeps_its_answers_at_bf16(string model, string chip, bool picks)
    {
        foreach (CaseResult c in Verify(model, chip, Precision.BF16).Cases)
        {
            Assert.Empty(c.Findings);
            Assert.All(c.Outputs, o => Assert.True(o.Errors.Cosine >= 0.999, $"{model} {c.Name} {o.Name}: cosine {o.Errors.Cosine}"));
            Assert.All(c.Outputs, o => Assert.True(!picks || o.ArgmaxAgreement is null or 1, $"{model} {c.Name} {o.Name}: argmax agrees in {o.ArgmaxAgreement:P2}"));
        }
    }

    [DataTheory("models/nanogpt", "models/llama2c", "models/clip-text", "models/clip-vision", "models/whisper-encoder", "models/whisper-decoder")]
    [InlineData("nanogpt")]
    [InlineData("llama2c")]
    [InlineData("clip-text")]
    [InlineData("clip-vision")]
    [InlineData("whisper-encoder")]
    [InlineData("whisper-decoder")]
    public void Export_of_the_authors_code_meets_its_card_at_f32(string model) => ExpectCardTolerance(model, Verify(model, "tx1", Precision.F32));

    private static VerificationResult Verify(string model, string chip, Precision precision) => ModelVerifier.VerifyModel(
        TestData.Model(model), new CompileOptions { Chip = ChipDescriptions.Load(chip), Precision = precision },
        new VerifyOptions { CasesFolder = TestData.ModelFolder(model), Check = true }, []);

    /// <summary>Largest error ≤ max(1e-4 × max_abs, 10 × ort_spread) of the card; integers exact.</summary>
    private static void ExpectCardTolerance(string model, VerificationResult result)
    {
        using JsonDocument card = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.ModelFolder(model), "card.json")));
        JsonElement outputs = card.RootElement.GetProperty("outputs");
        Assert.Equal(card.RootElement.GetProperty("cases").EnumerateObject().Count(), result.Cases.Count);
        foreach (CaseResult c in result.Cases)
        {
            Assert.Empty(c.Findings);
            Assert.Equal(outputs.EnumerateObject().Select(o => o.Name).Order(StringComparer.Ordinal), c.Outputs.Select(o => o.Name));
            foreach (OutputComparison o in c.Outputs)
            {
                Assert.Null(o.Problem);
                JsonElement output = outputs.GetProperty(o.Name);
                double limit = output.TryGetProperty("max_abs", out JsonElement largest)
                    ? Math.Max(1e-4 * largest.GetDouble(), 10 * output.GetProperty("ort_spread").GetDouble())
                    : 0;
                Assert.True(o.Errors.MaxAbsolute <= limit, $"{model} {c.Name} {o.Name}: error {o.Errors.MaxAbsolute} is above {limit}");
            }
        }
    }
}
