using System.Text.Json;
using TransformerCc.Compiler;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Tests.EndToEnd;

/// <summary>
/// Models of the data folder: every case by one binary, in checking mode, with the tolerances of the model's card.
/// </summary>
public abstract class ModelTests
{
    /// <summary>Compiles and runs a model of the data folder.</summary>
    protected static void Check(string name, string chip, Precision precision, bool classifies)
    {
        using JsonDocument card = JsonDocument.Parse(File.ReadAllText(TestData.Get($"models/{name}/card.json")));
        JsonElement outputs = card.RootElement.GetProperty("outputs");
        ModelRun.Check(TestData.Model(name), TestData.ModelFolder(name), ChipDescriptions.Load(chip), precision, output =>
        {
            JsonElement facts = outputs.GetProperty(output);
            return Math.Max(1e-4 * facts.GetProperty("max_abs").GetDouble(), 10 * facts.GetProperty("ort_spread").GetDouble());
        }, classifies);
    }
}

/// <summary>Pretrained language models on two chips in both precisions.</summary>
public sealed class PretrainedLanguageModelTests : ModelTests
{
    [DataTheory("models/gpt-nano-sort")]
    [InlineData("tx1", Precision.F32)]
    [InlineData("tx1", Precision.BF16)]
    [InlineData("tx1-edge", Precision.F32)]
    [InlineData("tx1-edge", Precision.BF16)]
    public void Gpt_nano_sort(string chip, Precision precision) => Check("gpt-nano-sort", chip, precision, classifies: true);

    [DataTheory("models/stories260k-onnx")]
    [InlineData("tx1", Precision.F32)]
    [InlineData("tx1", Precision.BF16)]
    [InlineData("tx1-edge", Precision.F32)]
    [InlineData("tx1-edge", Precision.BF16)]
    public void Stories260k(string chip, Precision precision) => Check("stories260k-onnx", chip, precision, classifies: true);
}

/// <summary>Pretrained encoders on two chips in both precisions.</summary>
public sealed class PretrainedEncoderTests : ModelTests
{
    [DataTheory("models/kwt1")]
    [InlineData("tx1", Precision.F32)]
    [InlineData("tx1", Precision.BF16)]
    [InlineData("tx1-edge", Precision.F32)]
    [InlineData("tx1-edge", Precision.BF16)]
    public void Kwt1(string chip, Precision precision) => Check("kwt1", chip, precision, classifies: true);

    [DataTheory("models/use-lite")]
    [InlineData("tx1", Precision.F32)]
    [InlineData("tx1", Precision.BF16)]
    [InlineData("tx1-edge", Precision.F32)]
    [InlineData("tx1-edge", Precision.BF16)]
    public void Use_lite(string chip, Precision precision) => Check("use-lite", chip, precision, classifies: false);
}

/// <summary>Exports of the authors' PyTorch code, at f32.</summary>
public sealed class ExportedModelTests : ModelTests
{
    [DataFact("models/nanogpt")]
    public void Nanogpt() => Check("nanogpt", "tx1", Precision.F32, classifies: false);

    [DataFact("models/llama2c")]
    public void Llama2c() => Check("llama2c", "tx1", Precision.F32, classifies: false);

    [DataFact("models/clip-text")]
    public void Clip_text() => Check("clip-text", "tx1", Precision.F32, classifies: false);

    [DataFact("models/clip-vision")]
    public void Clip_vision() => Check("clip-vision", "tx1", Precision.F32, classifies: false);

    [DataFact("models/whisper-encoder")]
    public void Whisper_encoder() => Check("whisper-encoder", "tx1", Precision.F32, classifies: false);

    [DataFact("models/whisper-decoder")]
    public void Whisper_decoder() => Check("whisper-decoder", "tx1", Precision.F32, classifies: false);

    [DataFact("models/gpt2-tiny-past")]
    public void Gpt2_of_onnx_runtime_with_past() => Check("gpt2-tiny-past", "tx1", Precision.F32, classifies: false);
}
