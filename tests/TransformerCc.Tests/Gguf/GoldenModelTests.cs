using System.Text.Json;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>The models of the data folder against forward passes in float64 on exactly decoded weights (`logits_dequant.npy`).</summary>
public sealed class GoldenModelTests
{
    /// <summary>Rows of the sequence that the reference evaluates: enough to see positions, few enough to be quick.</summary>
    private const double Tolerance = 1e-3;

    public static TheoryData<string> Models { get; } =
    [
        "stories260k-f32", "stories260k-bf16", "stories260k-q8_0", "stories260k-q4_0", "stories260k-q5_1", "rnd256-q4_k_m", "rnd256-q6_k", "rnd256-q3_k_m", "rnd256-q8_0",
        "gpt2-f16", "qwen2-f32", "qwen2-q4_k_m", "bert-f16", "llama3-f32", "gemma-f32",
    ];

    [DataTheory("gguf")]
    [MemberData(nameof(Models))]
    public void The_graph_computes_what_the_model_does(string name)
    {
        Graph graph = GgufImporter.Import(TestData.Get($"gguf/{name}.gguf"), new GgufOptions { AllLogits = true, Pooling = name == "bert-f16" ? Pooling.None : null }, new Dictionary<string, DimensionLimit>(), []).Graph;
        Assert.Empty(GraphVerifier.Verify(graph));
        var inputs = new Dictionary<string, Tensor> { ["tokens"] = Sequence(name) };
        Tensor result = GraphEvaluator.Evaluate(graph, inputs).Values.Single();
        Tensor golden = NpyFile.Read(TestData.Get($"gguf/{name}.golden/{(name == "bert-f16" ? "embeddings" : "logits")}_dequant.npy"));
        ErrorMeasures errors = ErrorMeasures.Of(TensorMath.Doubles(result), TensorMath.Doubles(golden));
        Assert.True(errors.MaxAbsolute <= Tolerance, FormattableString.Invariant($"{name}: {errors.MaxAbsolute:G3}"));
    }

    internal static Tensor Sequence(string name)
    {
        using JsonDocument prompts = JsonDocument.Parse(File.ReadAllText(TestData.Get($"gguf/{name}.golden/prompts.json")));
        long[] ids = [.. prompts.RootElement.GetProperty("sequence").GetProperty("ids").EnumerateArray().Select(e => e.GetInt64())];
        return Tensor.From<long>(ElementType.I64, [1, ids.Length], ids);
    }
}
