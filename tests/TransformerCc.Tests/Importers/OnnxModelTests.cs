using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Importers;

/// <summary>Whole models, as exporters wrote them: they import, and the graph computes what the model's goldens say.</summary>
public sealed class OnnxModelTests
{
    [Fact]
    public void Adder_keeps_its_dimensions_and_bounds_the_length_by_its_rotary_table()
    {
        var diagnostics = new DiagnosticList();
        Graph graph = OnnxImporter.Import(TestData.AdderModel, new ImportOptions(), diagnostics);

        Assert.Equal("i64[batch, length]", Assert.Single(graph.Inputs).Type.ToString());
        Assert.Equal("f32[batch, length, 12]", Assert.Single(graph.Outputs).Value.Type.ToString());
        Assert.Equal(32, graph.Dimensions["length"].Upper);
        Assert.Equal(4096, graph.Dimensions["batch"].Upper);
        Assert.False(diagnostics.HasErrors);
        Assert.DoesNotContain(graph.Nodes, n => n.Op is ShapeValue);
        Assert.Empty(GraphVerifier.Verify(graph));
    }

    [Theory]
    [InlineData("prompt")]
    [InlineData("full-sums")]
    [InlineData("short-batch")]
    public void Adder_computes_its_goldens(string name) =>
        Check(TestData.AdderModel, Path.Combine(TestData.AdderFolder, "cases", name));

    // The whole model of 24 layers in the reference evaluator is left to verification; here it must import.
    [DataFact("models/bert-qa-tf")]
    public void Bert_of_tensorflow_imports() => Import("bert-qa-tf");

    [DataFact("models/bert-toy")]
    public void Bert_toy_bounds_its_length_by_its_position_table() => Assert.Equal(512, Import("bert-toy").Dimensions["max_seq_len_in_batch"].Upper);

    [DataFact("models/gpt2-tiny-past")]
    public void Gpt2_of_onnx_runtime_keeps_past_and_new_tokens_apart()
    {
        Graph graph = Import("gpt2-tiny-past");
        Assert.Equal("f32[2, batch_size, 4, past_seq_len + seq_len, 8]", graph.Outputs.Single(o => o.Name == "present_0").Value.Type.ToString());
        Assert.Equal(5, graph.Nodes.Count(n => n.Op is Attention { Mask: MaskKind.Additive, CausalOffset: not null }));
    }

    [DataTheory("models")]
    [InlineData("gpt-nano-sort", ".")]
    [InlineData("gpt-nano-sort", "sort-b8")]
    [InlineData("stories260k-onnx", ".")]
    [InlineData("stories260k-onnx", "random-b1s1")]
    [InlineData("kwt1", ".")]
    [InlineData("kwt1-audio", ".")]
    [InlineData("use-lite", "cat-b1t7")]
    [InlineData("nanogpt", "b2s17")]
    [InlineData("nanogpt", "b1s1")]
    [InlineData("llama2c", "b2s9")]
    [InlineData("clip-text", ".")]
    [InlineData("clip-vision", ".")]
    [InlineData("whisper-encoder", ".")]
    [InlineData("whisper-decoder", "b2s5")]
    [InlineData("bert-toy", "b2s7-padded")]
    [InlineData("gpt2-tiny-past", ".")]
    [InlineData("gpt2-tiny-past", "decode-b2p9s3")]
    public void Models_compute_their_goldens(string model, string name)
    {
        string folder = TestData.ModelFolder(model);
        Check(TestData.Model(model), name == "." ? folder : Path.Combine(folder, "cases", name));
    }

    private static Graph Import(string model) => OnnxImporter.Import(TestData.Model(model), new ImportOptions(), []);

    /// <summary>Largest error at most 1e-4 of the golden's largest magnitude; integers exact.</summary>
    private static void Check(string model, string caseFolder)
    {
        Graph graph = OnnxImporter.Import(model, new ImportOptions(), []);
        Assert.DoesNotContain(GraphVerifier.Verify(graph), d => d.Severity == DiagnosticSeverity.Error);
        Tensor Read(string part, string name) => NpyFile.Read(Path.Combine(caseFolder, part, TensorNames.ToFileName(name) + ".npy"));
        IReadOnlyDictionary<string, Tensor> results = GraphEvaluator.Evaluate(graph, graph.Inputs.ToDictionary(i => i.Name, i => Read("inputs", i.Name)));
        foreach (GraphOutput output in graph.Outputs)
        {
            Tensor golden = Read("outputs", output.Name), result = results[output.Name];
            Assert.Equal(golden.Shape.ToArray(), result.Shape.ToArray());
            double[] expected = TensorMath.Doubles(golden), actual = TensorMath.Doubles(result);
            double largest = expected.Select(Math.Abs).DefaultIfEmpty(0).Max();
            double error = expected.Zip(actual, (e, a) => Math.Abs(e - a)).DefaultIfEmpty(0).Max();
            Assert.True(error <= (golden.Type.IsFloat() ? 1e-4 * largest : 0), $"{output.Name}: error {error}, largest value {largest}");
        }
    }
}
