using System.Runtime.InteropServices;
using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Verification;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Operators that exporters write and no conformance test covers: ONNX Runtime, the reference and the chip agree.</summary>
public sealed class OnnxOracleTests
{
    private const string Microsoft = "com.microsoft";
    private const int F32 = 1, U8 = 2, I8 = 3, I32 = 6, I64 = 7;

    private static float[] Random(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => ((float)random.NextDouble() * 2) - 1)];
    }

    private static byte[] Bytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static Dictionary<string, long>[] Sizes(string name, params long[] values) => [.. values.Select(v => new Dictionary<string, long> { ["batch"] = 2, [name] = v })];

    /// <summary>Depthwise as in conformers, few groups as in wav2vec2's positions, many groups, several filters for each channel.</summary>
    [Theory]
    [InlineData(6, 6, 6, 5)]
    [InlineData(8, 8, 2, 4)]
    [InlineData(80, 80, 40, 3)]
    [InlineData(4, 8, 4, 3)]
    public void Grouped_convolution_over_time(int channels, int filters, int groups, int kernel) => SecondOracle.Agree(
        new OnnxBuilder().Input("x", F32, "batch", channels, "time").Floats("w", [filters, channels / groups, kernel], Random(filters * channels / groups * kernel, 1)).Floats("b", [filters], Random(filters, 2))
            .Node("Conv", "x w b", "y", Int("group", groups), Ints("pads", kernel / 2, kernel / 2), Ints("strides", 2)).Output("y", F32, "batch", filters, "out"), Sizes("time", 1, 7, 40));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Grouped_convolution_of_images(int groups) => SecondOracle.Agree(
        new OnnxBuilder().Input("x", F32, "batch", 4, 9, 7).Floats("w", [4, 4 / groups, 3, 3], Random(36 * 4 / groups, 1))
            .Node("Conv", "x w", "y", Int("group", groups), Ints("pads", 1, 0, 1, 2), Ints("dilations", 2, 1)).Output("y", F32, "batch", 4, "h", "w"), Sizes("batch", 1, 3));

    /// <summary>The patches of overlapping embeddings, and of a wide kernel over time: more positions than the sequencer has registers.</summary>
    [Fact]
    public void Padded_convolution_with_a_large_kernel()
    {
        SecondOracle.Agree(new OnnxBuilder().Input("x", F32, "batch", 2, "height", "width").Floats("w", [4, 2, 7, 7], Random(392, 1)).Node("Conv", "x w", "y", Ints("pads", 3, 3, 3, 3), Ints("strides", 4, 4)).Output("y", F32, "batch", 4, "h", "w"),
            [new Dictionary<string, long> { ["batch"] = 1, ["height"] = 9, ["width"] = 14 }, new Dictionary<string, long> { ["batch"] = 2, ["height"] = 1, ["width"] = 33 }]);
        SecondOracle.Agree(new OnnxBuilder().Input("x", F32, "batch", 2, "time").Floats("w", [3, 2, 64], Random(384, 1)).Node("Conv", "x w", "y", Ints("pads", 32, 31)).Output("y", F32, "batch", 3, "t"), Sizes("time", 1, 80));
    }

    /// <summary>How ranges were exported before they had an operator.</summary>
    [Fact]
    public void Positions_of_ones_are_a_range() => SecondOracle.Agree(
        new OnnxBuilder(9).Input("x", F32, "batch", "seq").Node("Shape", "x", "s")
            .Node("ConstantOfShape", "s", "ones", new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = new TensorProto { DataType = F32, Dims = { 1 }, FloatData = { 1 } } })
            .Node("NonZero", "ones", "y").Output("y", I64, 2, "n"), Sizes("seq", 1, 9));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Convolution_of_bytes(int groups) => SecondOracle.Agree(
        new OnnxBuilder().Input("x", U8, "batch", 4, "time").Initializer("w", U8, [6, 4 / groups, 3], Bytes(72 / groups, 1)).Initializer("zx", U8, [], [117]).Initializer("zw", U8, [], [131])
            .Node("ConvInteger", "x w zx zw", "y", Int("group", groups), Ints("pads", 1, 1)).Output("y", I32, "batch", 6, "out"), Sizes("time", 3, 20));

    [Fact]
    public void Quantised_convolution_with_a_scale_for_each_filter() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", U8, "batch", 3, 8, 8).Floats("sx", [], 0.02f).Initializer("zx", U8, [], [120]).Initializer("w", I8, [5, 3, 2, 2], Bytes(60, 1)).Floats("sw", [5], 0.01f, 0.02f, 0.015f, 0.03f, 0.007f)
            .Initializer("zw", I8, [5], new byte[5]).Floats("sy", [], 0.11f).Initializer("zy", U8, [], [128]).Initializer("b", I32, [5], MemoryMarshal.AsBytes<int>([100, -200, 300, -400, 0]))
            .Node("QLinearConv", "x sx zx w sw zw sy zy b", "y", Ints("strides", 2, 2)).Output("y", U8, "batch", 5, "h", "w"), Sizes("batch", 1, 2));

    [Fact]
    public void Products_of_bytes_that_give_floats() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", U8, "batch", "seq", 8).Initializer("w", I8, [8, 6], Bytes(48, 1)).Floats("sx", [], 0.02f).Floats("sw", [6], Random(6, 2)).Initializer("zx", U8, [], [99]).Initializer("zw", I8, [6], Bytes(6, 3))
            .Floats("b", [6], Random(6, 4)).Node(Microsoft, "MatMulIntegerToFloat", "x w sx sw zx zw b", "y").Output("y", F32, "batch", "seq", 6), Sizes("seq", 1, 9));

    [Fact]
    public void Product_that_quantises_as_it_goes() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", F32, "batch", "seq", 8).Initializer("w", I8, [8, 6], Bytes(48, 1)).Floats("sw", [], 0.03f).Initializer("zw", I8, [], [5]).Floats("b", [6], Random(6, 4))
            .Node(Microsoft, "DynamicQuantizeMatMul", "x w sw zw b", "y").Output("y", F32, "batch", "seq", 6), Sizes("seq", 1, 9));

    [Fact]
    public void Quantised_attention() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", U8, "batch", "seq", 8).Initializer("w", I8, [8, 24], Bytes(192, 1)).Floats("b", [24], Random(24, 2)).Floats("sx", [], 0.01f).Floats("sw", [], 0.005f)
            .Initializer("zx", U8, [], [128]).Initializer("zw", I8, [], [0])
            .Node(Microsoft, "QAttention", "x w b sx sw _ zx zw", "y", Int("num_heads", 2), Int("unidirectional", 1)).Output("y", F32, "batch", "seq", 8), Sizes("seq", 1, 9));

    [Theory]
    [InlineData("QLinearAdd")]
    [InlineData("QLinearMul")]
    public void Bytes_with_bytes(string op) => SecondOracle.Agree(
        new OnnxBuilder().Input("a", U8, "batch", "seq", 8).Input("b", U8, 8).Floats("sa", [], 0.02f).Floats("sb", [], 0.03f).Floats("sy", [], 0.04f).Initializer("za", U8, [], [3]).Initializer("zb", U8, [], [130]).Initializer("zy", U8, [], [100])
            .Node(Microsoft, op, "a sa za b sb zb sy zy", "y").Output("y", U8, "batch", "seq", 8), Sizes("seq", 1, 9));

    [Fact]
    public void Fused_product_with_an_activation() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", F32, "batch", 8).Floats("w", [6, 8], Random(48, 1)).Floats("b", [6], Random(6, 2))
            .Node(Microsoft, "FusedGemm", "x w b", "y", Int("transB", 1), Float("alpha", 0.5f), new AttributeProto { Name = "activation", S = ByteString.CopyFromUtf8("Relu"), Type = AttributeProto.Types.AttributeType.String })
            .Output("y", F32, "batch", 6), Sizes("batch", 1, 9));

    /// <summary>The range of a tensor of unknown lengths, as models quantised on the fly take it, fits any scratchpad.</summary>
    [Fact]
    public void Whole_tensors_are_reduced() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", F32, "batch", "seq", 8).Node("DynamicQuantizeLinear", "x", "q s z").Node("ReduceL2", "x", "n").Node("ReduceMean", "x", "m", Ints("axes", 0, 1))
            .Output("q", U8, "batch", "seq", 8).Output("s", F32).Output("z", U8).Output("n", F32, 1, 1, 1).Output("m", F32, 1, 1, 8), Sizes("seq", 1, 9));

    [Fact]
    public void Sequences_in_reverse() => SecondOracle.Agree(
        new OnnxBuilder().Input("x", F32, "time", "batch", 4).Input("lengths", I64, "batch").Node("ReverseSequence", "x lengths", "y", Int("time_axis", 0), Int("batch_axis", 1)).Output("y", F32, "time", "batch", 4),
        Sizes("time", 5), new Dictionary<string, Tensor> { ["lengths"] = Tensor.From<long>(ElementType.I64, [2], [3, 5]) });

    [Theory]
    [InlineData("Hardmax")]
    [InlineData("Shrink")]
    [InlineData("Sinh")]
    [InlineData("Cosh")]
    public void Functions_of_one_tensor(string op) =>
        SecondOracle.Agree(new OnnxBuilder().Input("x", F32, "batch", "seq", 8).Node(op, "x", "y").Output("y", F32, "batch", "seq", 8), Sizes("seq", 1, 9));
}
