using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Operators of ONNX Runtime and attention of ONNX, by the values they give and the graph nodes they become.</summary>
public sealed class OnnxContribTests
{
    private const string Microsoft = "com.microsoft";

    private static double[] Run(OnnxBuilder builder, params (string Name, long[] Shape, float[] Values)[] inputs)
    {
        Graph graph = builder.Output("y").Import();
        Assert.Empty(GraphVerifier.Verify(graph));
        return TensorMath.Doubles(GraphEvaluator.Evaluate(graph, inputs.ToDictionary(i => i.Name, i => Tensor.From<float>(ElementType.F32, i.Shape, i.Values)))["y"]);
    }

    private static void Same(double[] actual, params double[] expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    /// <summary>One head of width 1: scores are q·k, results lie between the values 1 and 5.</summary>
    private static OnnxBuilder Attention(long opset, string inputs, params Compiler.Importers.Onnx.Proto.AttributeProto[] attributes) =>
        new OnnxBuilder(opset).Input("q", 1, 1, 1, 2, 1).Input("k", 1, 1, 1, 2, 1).Input("v", 1, 1, 1, 2, 1).Node("Attention", inputs, "y", attributes);

    private static readonly (string, long[], float[])[] s_heads = [("q", [1, 1, 2, 1], [1, 2]), ("k", [1, 1, 2, 1], [0, 1]), ("v", [1, 1, 2, 1], [1, 5])];

    private static double Mix(double score0, double score1) => (Math.Exp(score0) + (5 * Math.Exp(score1))) / (Math.Exp(score0) + Math.Exp(score1));

    [Fact]
    public void Skip_norm_returns_the_sum_as_well()
    {
        OnnxBuilder Builder(string output) => new OnnxBuilder().Input("x", 1, 1, 2).Input("s", 1, 1, 2).Floats("g", [2], 1, 1).Floats("b", [2], 10, 20).Floats("c", [2], 1, 0)
            .Node(Microsoft, "SkipLayerNormalization", "x s g b c", output);
        (string, long[], float[])[] inputs = [("x", [1, 2], [1, 2]), ("s", [1, 2], [2, 2])];
        Same(Run(Builder("_ _ _ y"), inputs), 4, 4);
        Same(Run(Builder("y"), inputs), 10, 20);
    }

    [Fact]
    public void Fused_product_turns_and_scales()
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, 2, 1).Floats("w", [2, 2], 1, 2, 3, 4).Node(Microsoft, "FusedMatMul", "x w", "y", Int("transA", 1), Int("transB", 1), Float("alpha", 2));
        Same(Run(builder, ("x", [2, 1], [1, 1])), 6, 14);
    }

    [Fact]
    public void Causal_attention_of_opset_23_sees_no_later_key() =>
        Same(Run(Attention(23, "q k v", Int("is_causal", 1), Float("scale", 1)), s_heads), 1, Mix(0, 2));

    [Fact]
    public void Soft_cap_alone_is_fused()
    {
        OnnxBuilder builder = Attention(23, "q k v", Float("softcap", 0.5f), Float("scale", 1));
        double Cap(double x) => 0.5 * Math.Tanh(x / 0.5);
        Same(Run(builder, s_heads), Mix(0, Cap(1)), Mix(0, Cap(2)));
        Assert.Contains(builder.Import().Nodes, n => n.Op is Attention { SoftCap: 0.5f });
    }

    /// <summary>A cap behind the masks would give hidden keys the weight of −cap.</summary>
    [Theory]
    [InlineData(23)]
    [InlineData(24)]
    [InlineData(25)]
    public void Soft_cap_is_ahead_of_the_masks(long opset)
    {
        OnnxBuilder builder = Attention(opset, "q k v", Float("softcap", 0.5f), Float("scale", 1), Int("is_causal", 1));
        Same(Run(builder, s_heads)[..1], 1);
        Assert.Contains(builder.Import().Nodes, n => n.Op is Attention { SoftCap: 0.5f, CausalOffset: not null });
    }

    [Fact]
    public void Scores_are_returned_on_request()
    {
        OnnxBuilder builder = new OnnxBuilder(23).Input("q", 1, 1, 1, 2, 1).Input("k", 1, 1, 1, 2, 1).Input("v", 1, 1, 1, 2, 1)
            .Node("Attention", "q k v", "z _ _ y", Float("scale", 0.5f), Int("qk_matmul_output_mode", 0));
        Same(Run(builder, s_heads), 0, 0.5, 0, 1);
    }

    [Fact]
    public void Rotation_takes_angles_by_position()
    {
        OnnxBuilder builder = new OnnxBuilder(23).Input("x", 1, 1, 1, 2, 2).Floats("cos", [3, 1], 1, 0, 7).Floats("sin", [3, 1], 0, 1, 7).Longs("p", [1, 2], 0, 1)
            .Node("RotaryEmbedding", "x cos sin p", "y");
        Same(Run(builder, ("x", [1, 1, 2, 2], [1, 2, 3, 4])), 1, 2, -4, 3);
    }

    /// <summary>ONNX Runtime adds a number to hidden scores, so a row that sees no key spreads evenly.</summary>
    [Theory]
    [InlineData(new long[] { 1 }, new int[] { 1 }, 1.0)]
    [InlineData(new long[] { 1, 2 }, new int[] { 1, 0 }, 1.0)]
    [InlineData(new long[] { 1, 2 }, new int[] { 0, 0 }, 3.0)]
    [InlineData(new long[] { 2 }, new int[] { 2, 1 }, 5.0)]
    [InlineData(new long[] { 1, 2, 2 }, new int[] { 1, 0, 0, 1 }, 1.0)]
    public void Masks_of_integers_have_many_shapes(long[] shape, int[] mask, double first)
    {
        OnnxBuilder builder = new OnnxBuilder().Input("q", 1, 1, 2, 1).Input("v", 1, 1, 2, 1).Initializer("m", 6, shape, System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(mask))
            .Node(Microsoft, "MultiHeadAttention", "q q v _ m", "y", Int("num_heads", 1), Float("mask_filter_value", -1000));
        Same(Run(builder, ("q", [1, 2, 1], [0, 0]), ("v", [1, 2, 1], [1, 5]))[..1], first);
    }

    [Fact]
    public void Past_and_new_keys_add_up_whatever_the_model_calls_the_total()
    {
        Graph graph = new OnnxBuilder().Input("x", 1, "batch", "seq", 4).Input("mask", 6, "batch", "total").Input("past", 1, 2, "batch", 2, "past", 2).Floats("w", [4, 12], new float[48])
            .Node(Microsoft, "Attention", "x w _ mask past", "y present", Int("num_heads", 2), Int("unidirectional", 1)).Output("y").Output("present").Import();
        Assert.Equal("f32[2, batch, 2, past + seq, 2]", graph.Outputs[1].Value.Type.ToString());
        Assert.Contains(graph.Nodes, n => n.Op is Attention { CausalOffset.SymbolName: "past" });
    }

    /// <summary>Two rows of the batch: one with a past of two keys, the other with none; a cache longer than either.</summary>
    [Fact]
    public void Grouped_attention_appends_behind_each_rows_own_past()
    {
        OnnxBuilder Builder(string outputs) => new OnnxBuilder().Input("q", 1, 2, 1, 2).Input("k", 1, 2, 1, 1).Input("v", 1, 2, 1, 1).Input("pk", 1, 2, 1, 4, 1).Input("pv", 1, 2, 1, 4, 1)
            .Initializer("last", 6, [2], System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>([2, 0])).Initializer("total", 6, [], [3, 0, 0, 0])
            .Node(Microsoft, "GroupQueryAttention", "q k v pk pv last total", outputs, Int("num_heads", 2), Int("kv_num_heads", 1));
        (string, long[], float[])[] inputs = [("q", [2, 1, 2], [0, 0, 0, 0]), ("k", [2, 1, 1], [1, 1]), ("v", [2, 1, 1], [30, 40]),
            ("pk", [2, 1, 4, 1], new float[8]), ("pv", [2, 1, 4, 1], [1, 2, 3, 4, 5, 6, 7, 8])];
        Same(Run(Builder("_ _ y"), inputs), 1, 2, 30, 0, 40, 0, 0, 0);
        Same(Run(Builder("y"), inputs), 11, 11, 40, 40);
    }

    [Fact]
    public void Grouped_attention_has_windows_caps_and_sinks()
    {
        OnnxBuilder Builder(params Compiler.Importers.Onnx.Proto.AttributeProto[] attributes) => new OnnxBuilder().Input("x", 1, 1, 3, 3).Floats("sink", [1], 0)
            .Initializer("last", 6, [1], [2, 0, 0, 0]).Initializer("total", 6, [], [3, 0, 0, 0])
            .Node(Microsoft, "GroupQueryAttention", "x _ _ _ _ last total _ _ _ _ sink", "y", [Int("num_heads", 1), Int("kv_num_heads", 1), .. attributes]);
        (string, long[], float[]) x = ("x", [1, 3, 3], [0, 0, 3, 0, 0, 6, 0, 0, 9]);
        Same(Run(Builder(), x), 1.5, 3, 4.5);
        Same(Run(Builder(Int("local_window_size", 2), Float("softcap", 5)), x), 1.5, 3, 5);
    }

    [Fact]
    public void Grouped_attention_of_an_exported_decoder_stays_symbolic()
    {
        Graph graph = new OnnxBuilder().Input("x", 1, "batch", "seq", 8).Input("pk", 1, "batch", 1, "past", 2).Input("pv", 1, "batch", 1, "past", 2).Input("mask", 7, "batch", "total")
            .Floats("cos", [16, 1], new float[16]).Floats("sin", [16, 1], new float[16]).Longs("one", [1], 1).Longs("at", [], 1)
            .Node("ReduceSum", "mask one", "count", Int("keepdims", 1)).Node("Sub", "count one", "last64").Node("Cast", "last64", "last", Int("to", 6))
            .Node("Shape", "mask", "shape").Node("Gather", "shape at", "total64").Node("Cast", "total64", "total", Int("to", 6))
            .Node(Microsoft, "GroupQueryAttention", "x _ _ pk pv last total cos sin", "y present_key present_value", Int("num_heads", 2), Int("kv_num_heads", 1), Int("do_rotary", 1))
            .Output("y").Output("present_key").Output("present_value").Import();
        Assert.Empty(GraphVerifier.Verify(graph));
        Assert.Equal("f32[batch, seq, 4]", graph.Outputs[0].Value.Type.ToString());
        Assert.Contains("past", graph.Outputs[1].Value.Type.ToString(), StringComparison.Ordinal);
        CompiledAgreement.Check(Compiler.GraphPasses.GraphPipeline.Run(graph, new Compiler.GraphPasses.PassContext()), TestChips.Default, Compiler.Precision.F32,
            [new Dictionary<string, long> { ["batch"] = 1, ["seq"] = 2, ["past"] = 3, ["total"] = 5 }], 1);
    }
}
