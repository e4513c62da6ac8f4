using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>
/// The whole pipeline on exported models: what they are made of is recognised however it was spelled, no softmax over
/// scores is left, and the graph computes the same as the imported one.
/// </summary>
public class ModelPipelineTests
{
    [Fact]
    public void Adder() => Check(TestData.AdderModel, "3 attention (3 causal, 3 grouped), 0 layer norms, 7 rms norms, 6 rope, 0 gelu, 3 silu, 3 gated, 22 linear");

    [DataFact("models/gpt-nano-sort")]
    public void GptNanoSort() => CheckModel("gpt-nano-sort", "3 attention (3 causal, 0 grouped), 7 layer norms, 0 rms norms, 0 rope, 3 gelu, 0 silu, 0 gated, 13 linear");

    [DataFact("models/stories260k-onnx")]
    public void Stories260K() => CheckModel("stories260k-onnx", "5 attention (5 causal, 5 grouped), 0 layer norms, 11 rms norms, 10 rope, 0 gelu, 5 silu, 5 gated, 36 linear");

    [DataFact("models/kwt1")]
    public void Kwt1() => CheckModel("kwt1", "12 attention (0 causal, 0 grouped), 24 layer norms, 0 rms norms, 0 rope, 12 gelu, 0 silu, 0 gated, 74 linear");

    [DataFact("models/kwt1-audio")]
    public void Kwt1Audio() => CheckModel("kwt1-audio", "12 attention (0 causal, 0 grouped), 24 layer norms, 0 rms norms, 0 rope, 12 gelu, 0 silu, 0 gated, 78 linear");

    [DataFact("models/use-lite")]
    public void UseLite() => CheckModel("use-lite", "2 attention (0 causal, 0 grouped), 4 layer norms, 0 rms norms, 0 rope, 0 gelu, 0 silu, 0 gated, 10 linear");

    [DataFact("models/nanogpt")]
    public void NanoGpt() => CheckModel("nanogpt", "4 attention (4 causal, 0 grouped), 9 layer norms, 0 rms norms, 0 rope, 4 gelu, 0 silu, 0 gated, 17 linear");

    [DataFact("models/llama2c")]
    public void Llama2C() => CheckModel("llama2c", "4 attention (4 causal, 4 grouped), 0 layer norms, 9 rms norms, 8 rope, 0 gelu, 4 silu, 4 gated, 29 linear");

    [DataFact("models/clip-text")]
    public void ClipText() => CheckModel("clip-text", "4 attention (4 causal, 0 grouped), 9 layer norms, 0 rms norms, 0 rope, 4 gelu, 0 silu, 0 gated, 17 linear");

    [DataFact("models/clip-vision")]
    public void ClipVision() => CheckModel("clip-vision", "4 attention (0 causal, 0 grouped), 10 layer norms, 0 rms norms, 0 rope, 4 gelu, 0 silu, 0 gated, 17 linear");

    [DataFact("models/whisper-encoder")]
    public void WhisperEncoder() => CheckModel("whisper-encoder", "4 attention (0 causal, 0 grouped), 9 layer norms, 0 rms norms, 0 rope, 6 gelu, 0 silu, 0 gated, 24 linear");

    [DataFact("models/whisper-decoder")]
    public void WhisperDecoder() => CheckModel("whisper-decoder", "8 attention (4 causal, 0 grouped), 13 layer norms, 0 rms norms, 0 rope, 4 gelu, 0 silu, 0 gated, 41 linear");

    [DataFact("models/bert-toy")]
    public void BertToy() => CheckModel("bert-toy", "5 attention (0 causal, 0 grouped), 12 layer norms, 0 rms norms, 0 rope, 6 gelu, 0 silu, 0 gated, 34 linear");

    [DataFact("models/bert-qa-tf")]
    public void BertQaTf() => CheckModel("bert-qa-tf", "24 attention (0 causal, 0 grouped), 49 layer norms, 0 rms norms, 0 rope, 24 gelu, 0 silu, 0 gated, 145 linear");

    private static void CheckModel(string name, string expected) => Check(TestData.Model(name), expected);

    private static void Check(string path, string expected)
    {
        Graph graph = OnnxImporter.Import(path, new ImportOptions(), []);
        PassTesting.Apply(graph, new PassContext());
        GraphSummary summary = GraphSummary.Count(graph);
        string found = $"{summary.Attention} attention ({summary.CausalAttention} causal, {summary.GroupedAttention} grouped), {summary.LayerNorm} layer norms, {summary.RmsNorm} rms norms, "
            + $"{summary.Rope} rope, {summary.Gelu} gelu, {summary.Silu} silu, {summary.Gated} gated, {summary.Linear} linear";
        Assert.Equal(expected, found);
        Assert.Equal(0, summary.ScoreSoftmax);
    }
}
