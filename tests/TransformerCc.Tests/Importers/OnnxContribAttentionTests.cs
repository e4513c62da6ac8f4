using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Verification;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>The attention operators of ONNX Runtime beside GroupQueryAttention, and its rotation, against its own kernels.</summary>
public sealed class OnnxContribAttentionTests
{
    private const string Microsoft = "com.microsoft";

    private static Tensor Ints(long[] shape, params int[] values) => Tensor.From<int>(ElementType.I32, shape, values);

    private static void Agree(OnnxBuilder model, params (string Name, Tensor Value)[] given) =>
        SecondOracle.Agree(model, [new Dictionary<string, long>()], given.ToDictionary(g => g.Name, g => g.Value));

    /// <summary>Batch 2, 2 heads of 4, 3 queries against 3 keys, or 5 with a past of 2.</summary>
    private static OnnxBuilder MultiHead(string inputs, string outputs, params AttributeProto[] attributes)
    {
        OnnxBuilder model = new OnnxBuilder().Input("q", 1, 2, 3, 8).Input("k", 1, 2, 3, 8).Input("v", 1, 2, 3, 8).Node(Microsoft, "MultiHeadAttention", inputs, outputs, [Int("num_heads", 2), .. attributes])
            .Output("y", 1, 2, 3, 8);
        foreach (string name in outputs.Split(' ').Where(o => o is not ("y" or "_")))
        {
            model.Output(name, 1, $"{name}0", $"{name}1", $"{name}2", $"{name}3");
        }
        return inputs.Contains("pk", StringComparison.Ordinal) ? model.Input("pk", 1, 2, 2, 2, 4).Input("pv", 1, 2, 2, 2, 4) : model;
    }

    [Theory]
    [InlineData("q k v", "y", 0, 0f)]
    [InlineData("q k v", "y _ _ s", 0, 0.3f)]
    [InlineData("q k v", "y _ _ s", 1, 0f)]
    [InlineData("q k v _ _ _ pk pv", "y nk nv s", 1, 0.5f)]
    public void Multi_head_attention_shows_the_scores_its_softmax_reads(string inputs, string outputs, long unidirectional, float scale) =>
        Agree(MultiHead(inputs, outputs, Int("unidirectional", unidirectional), Float("scale", scale)));

    public static TheoryData<long[], int[]> Masks => new()
    {
        { [2], [3, 1] },
        { [8], [2, 3, 0, 3, 6, 0, 3, 6] },
        { [2, 3], [1, 0, 1, 2, 1, -1] },
        { [2, 3, 3], [1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0] },
    };

    /// <summary>Scores of hidden keys lose mask_filter_value, so the output and the scores show whether it is read.</summary>
    [Theory]
    [MemberData(nameof(Masks))]
    public void Multi_head_attention_reads_masks_of_every_shape(long[] shape, int[] mask) =>
        Agree(MultiHead("q k v _ m", "y _ _ s", Float("mask_filter_value", -3)).Input("m", 6, [.. shape.Cast<object>()]), ("m", Ints(shape, mask)));

    [Fact]
    public void Multi_head_attention_adds_bias_and_mask() =>
        Agree(MultiHead("q k v b m e", "y _ _ s", Float("mask_filter_value", -3), Int("unidirectional", 1)).Input("b", 1, 24).Input("m", 6, 2, 3).Input("e", 1, 1, 2, 3, 3), ("m", Ints([2, 3], 1, 0, 1, 0, 1, 1)));

    /// <summary>x·W + b with 2 heads of 4 and 3 tokens.</summary>
    private static OnnxBuilder Packed(string inputs, params AttributeProto[] attributes)
    {
        OnnxBuilder model = new OnnxBuilder().Input("x", 1, 2, 3, 6).Input("w", 1, 6, 24).Input("b", 1, 24)
            .Node(Microsoft, "Attention", inputs, inputs.Contains('p', StringComparison.Ordinal) ? "y n" : "y", [Int("num_heads", 2), Float("mask_filter_value", -3), .. attributes]).Output("y", 1, 2, 3, 8);
        return inputs.Contains('p', StringComparison.Ordinal) ? model.Input("p", 1, 2, 2, 2, 2, 4).Output("n", 1, 2, 2, 2, 5, 4) : model;
    }

    [Theory]
    [InlineData("x w b", 0, 0f)]
    [InlineData("x w b", 1, 0.3f)]
    [InlineData("x w b _ p", 1, 0f)]
    [InlineData("x w b _ _ e", 0, 0f)]
    public void Packed_attention_agrees(string inputs, long unidirectional, float scale)
    {
        OnnxBuilder model = Packed(inputs, Int("unidirectional", unidirectional), Float("scale", scale));
        Agree(inputs.EndsWith('e') ? model.Input("e", 1, 2, 2, 3, 3) : model);
    }

    public static TheoryData<long[], int[]> PackedMasks => new()
    {
        { [2], [3, 1] },
        { [4], [3, 2, 1, 0] },
        { [8], [2, 3, 0, 3, 6, 0, 3, 6] },
        { [2, 3], [1, 0, 1, 1, 1, 0] },
        { [2, 3, 3], [1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0] },
    };

    [Theory]
    [MemberData(nameof(PackedMasks))]
    public void Packed_attention_reads_masks_of_every_shape(long[] shape, int[] mask) =>
        Agree(Packed("x w b m").Input("m", 6, [.. shape.Cast<object>()]), ("m", Ints(shape, mask)));

    /// <summary>The CPU kernel has no masks of four dimensions; their rows and columns that the call does not reach are not read.</summary>
    [Fact]
    public void A_mask_of_all_positions_is_read_where_the_call_is()
    {
        Dictionary<string, Tensor> inputs = new()
        {
            ["x"] = Tensor.From<float>(ElementType.F32, [2, 3, 6], [.. Enumerable.Range(0, 36).Select(i => (i % 7) - 3f)]),
            ["w"] = Tensor.From<float>(ElementType.F32, [6, 24], [.. Enumerable.Range(0, 144).Select(i => (i % 11) - 5f)]),
            ["b"] = Tensor.From<float>(ElementType.F32, [24], new float[24]),
            ["p"] = Tensor.From<float>(ElementType.F32, [2, 2, 2, 2, 4], [.. Enumerable.Range(0, 64).Select(i => (i % 5) - 2f)]),
        };
        int[] all = [.. Enumerable.Range(0, 2 * 7 * 7).Select(i => i % 3 == 0 ? 0 : 1)];
        int[] part = [.. from b in Enumerable.Range(0, 2) from i in Enumerable.Range(2, 3) from j in Enumerable.Range(0, 5) select all[(((b * 7) + i) * 7) + j]];
        double[] Result(long[] shape, int[] mask) => TensorMath.Doubles(GraphEvaluator.Evaluate(Packed("x w b m p").Input("m", 6, [.. shape.Cast<object>()]).Import(),
            new Dictionary<string, Tensor>(inputs) { ["m"] = Ints(shape, mask) })["y"]);
        Assert.Equal(Result([2, 3, 5], part), Result([2, 1, 7, 7], all));
        Assert.NotEqual(Result([2, 3, 5], [.. part.Select(_ => 1)]), Result([2, 1, 7, 7], all));
    }

    [Fact]
    public void Tables_wider_than_the_rotation_are_refused()
    {
        OnnxBuilder model = new OnnxBuilder().Input("x", 1, 2, 3, 16).Input("p", 7, 1).Input("c", 1, 9, 4).Input("s", 1, 9, 4)
            .Node(Microsoft, "RotaryEmbedding", "x p c s", "y", Int("rotary_embedding_dim", 4), Int("num_heads", 2)).Output("y", 1, 2, 3, 16);
        Diagnostic error = Assert.Single(model.ImportErrors());
        Assert.Equal("give tables of 2 columns", error.Help);
    }

    /// <summary>The scale and packed batches of the rotation are attributes that ONNX Runtime's kernel does not use.</summary>
    [Theory]
    [InlineData(0, 0, 4, 1f, 0)]
    [InlineData(1, 0, 4, 1f, 0)]
    [InlineData(0, 0, 4, 2.5f, 0)]
    [InlineData(0, 0, 4, 1f, 1)]
    [InlineData(0, 4, 2, 1f, 0)]
    [InlineData(1, 4, 2, 1f, 0)]
    public void Rotation_agrees(long interleaved, long rotated, int columns, float scale, long packed)
    {
        AttributeProto[] some = rotated > 0 ? [Int("rotary_embedding_dim", rotated), Int("num_heads", 2)] : [];
        foreach (long[] positions in new long[][] { [], [1], [2, 3] })
        {
            OnnxBuilder model = new OnnxBuilder().Input("x", 1, 2, 3, 16).Input("p", 7, [.. positions.Cast<object>()]).Input("c", 1, 9, columns).Input("s", 1, 9, columns)
                .Node(Microsoft, "RotaryEmbedding", "x p c s", "y", [Int("interleaved", interleaved), Float("scale", scale), Int("is_packed_batching", packed), .. some]).Output("y", 1, 2, 3, 16);
            Agree(model, ("p", Tensor.From<long>(ElementType.I64, positions, positions.Length == 2 ? [0, 5, 2, 7, 1, 8] : [4])));
        }
    }

    public static TheoryData<string, string, string> Refused => new()
    {
        { "MultiHeadAttention", "q k v _ _ _ pk pv _ t", "cache_indirection" },
        { "MultiHeadAttention", "q k v _ _ _ pk pv t", "past_sequence_length" },
        { "DecoderMaskedMultiHeadAttention", "q k v _ _ pk pv t _ t", "cache_indirection" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Buffers_that_others_share_are_refused_with_a_way_on(string op, string inputs, string reason)
    {
        OnnxBuilder model = MultiHead(inputs, "y").Input("t", 6, 1);
        model.Model.Graph.Node[0].OpType = op;
        Refuses(model, reason);
    }

    [Theory]
    [InlineData("do_rotary")]
    [InlineData("past_present_share_buffer")]
    public void Attributes_of_packed_attention_are_refused_with_a_way_on(string attribute) => Refuses(Packed("x w b", Int(attribute, 1)), attribute);

    private static void Refuses(OnnxBuilder model, string reason)
    {
        Diagnostic error = Assert.Single(model.ImportErrors());
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("export", error.Help, StringComparison.Ordinal);
    }
}
