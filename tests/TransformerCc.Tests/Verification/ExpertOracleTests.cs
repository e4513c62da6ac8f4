using System.Runtime.InteropServices;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Tests.Importers;
using TransformerCc.Verification;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Verification;

/// <summary>Mixtures of experts: routing, activations and layouts as ONNX Runtime has them.</summary>
public sealed class ExpertOracleTests
{
    private const string Microsoft = "com.microsoft";

    private const int Experts = 5, Hidden = 32, Inner = 48;

    [Theory]
    [InlineData("relu", 1, 0)]
    [InlineData("gelu", 2, 1)]
    [InlineData("silu", 2, 0)]
    [InlineData("identity", 3, 1)]
    [InlineData("swiglu", 2, 1)]
    public void Plain(string activation, int k, int normalize)
    {
        bool gated = activation == "swiglu";
        OnnxBuilder builder = Model().Input("x", 1, "n", Hidden).Input("r", 1, "n", Experts);
        Floats(builder, "w1", Experts, gated ? 2 * Inner : Inner, Hidden);
        Floats(builder, "b1", Experts, gated ? 2 * Inner : Inner);
        Floats(builder, "w2", Experts, Hidden, Inner);
        Floats(builder, "b2", Experts, Hidden);
        SecondOracle.Agree(builder.Node(Microsoft, "MoE", "x r w1 b1 w2 b2", "y", Attributes(activation, k, normalize)).Output("y"));
    }

    [Theory]
    [InlineData("silu", 4, 32, false)]
    [InlineData("silu", 4, 16, true)]
    [InlineData("swiglu", 4, -1, false)]
    [InlineData("swiglu", 4, -1, true)]
    [InlineData("silu", 8, -1, false)]
    [InlineData("silu", 8, -1, true)]
    public void Quantized(string activation, int bits, int block, bool hasZeros)
    {
        int rows = activation == "swiglu" ? 2 * Inner : Inner;
        OnnxBuilder builder = Model().Input("x", 1, "n", Hidden).Input("r", 1, "n", Experts);
        Weights(builder, "1", rows, Hidden, bits, block, hasZeros);
        Weights(builder, "2", Hidden, Inner, bits, block, hasZeros);
        Floats(builder, "b1", Experts, rows);
        AttributeProto[] attributes = [.. Attributes(activation, 2, 1), Int("expert_weight_bits", bits)];
        SecondOracle.Agree(builder.Node(Microsoft, "QMoE", $"x r w1 s1 b1 w2 s2 _ _ _ _ {(hasZeros ? "z1 z2" : "")}", "y", block > 0 ? [.. attributes, Int("block_size", block)] : attributes).Output("y"), tolerance: 1e-4);
    }

    /// <summary>ONNX Runtime's CPU provider has neither halves nor a third layer; both are another spelling of pairs of columns.</summary>
    [Fact]
    public void Pairs_halves_and_a_third_layer_are_one_function()
    {
        Assert.Equal(Evaluate(1, null), Evaluate(2, null));
        Assert.Equal(Evaluate(1, null), Evaluate(0, "w3"));
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => Evaluate(0, null)).Diagnostics);
        Assert.Contains("swiglu_fusion 0 without fc3", error.Message, StringComparison.Ordinal);
    }

    private static double[] Evaluate(int fusion, string? third)
    {
        // Row i of the gates is 2·i of the pairs, row i of the values 2·i + 1.
        float[] Rows(Func<int, int> pair) => [.. Enumerable.Range(0, Inner).SelectMany(i => Enumerable.Range(0, Hidden).Select(k => MathF.Sin((pair(i) * Hidden) + k)))];
        float[] gates = Rows(i => 2 * i), values = Rows(i => (2 * i) + 1);
        float[] first = fusion switch
        {
            0 => gates,
            1 => [.. Enumerable.Range(0, Inner).SelectMany(i => gates[(i * Hidden)..((i + 1) * Hidden)].Concat(values[(i * Hidden)..((i + 1) * Hidden)]))],
            _ => [.. gates, .. values],
        };
        OnnxBuilder builder = Model().Input("x", 1, 3, Hidden).Input("r", 1, 3, 1).Floats("w1", [1, first.Length / Hidden, Hidden], first).Floats("w3", [1, Inner, Hidden], values);
        Floats(builder, "w2", 1, Hidden, Inner);
        AttributeProto[] attributes = [.. Attributes("swiglu", 1, 0).Where(a => a.Name != "swiglu_fusion"), Int("swiglu_fusion", fusion)];
        Graph graph = builder.Node(Microsoft, "MoE", third is null ? "x r w1 _ w2" : "x r w1 _ w2 _ w3", "y", attributes).Output("y").Import();
        return TensorMath.Doubles(GraphEvaluator.Evaluate(graph, RandomInputs.Create(graph, new Dictionary<string, long>(), 5))["y"]);
    }

    private static OnnxBuilder Model()
    {
        var builder = new OnnxBuilder();
        builder.Model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        return builder;
    }

    private static AttributeProto[] Attributes(string activation, int k, int normalize)
    {
        AttributeProto[] common = [Int("k", k), Text("activation_type", activation), Int("normalize_routing_weights", normalize)];
        return activation == "swiglu" ? [.. common, Int("swiglu_fusion", 1), Float("activation_alpha", 1.702f), Float("activation_beta", 1), Float("swiglu_limit", 0.5f)] : common;
    }

    private static AttributeProto Text(string name, string value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = Google.Protobuf.ByteString.CopyFromUtf8(value) };

    private static void Floats(OnnxBuilder builder, string name, params long[] shape)
    {
        var random = new Random(name.Sum(c => c));
        builder.Floats(name, shape, [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (random.NextSingle() - 0.5f) / 2)]);
    }

    private static void Weights(OnnxBuilder builder, string suffix, int rows, int columns, int bits, int block, bool hasZeros)
    {
        var random = new Random(rows + bits);
        byte[] Bytes(long count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }

        int blocks = block > 0 ? (columns + block - 1) / block : 1;
        long[] scaleShape = block > 0 ? [Experts, rows, blocks] : [Experts, rows];
        float[] scales = [.. Enumerable.Range(0, Experts * rows * blocks).Select(_ => (0.5f + random.NextSingle()) / (1 << bits))];
        builder.Initializer("w" + suffix, 2, [Experts, rows, columns * bits / 8], Bytes((long)Experts * rows * columns * bits / 8))
            .Initializer("s" + suffix, 1, scaleShape, MemoryMarshal.AsBytes<float>(scales));
        if (hasZeros)
        {
            // Blocks are packed along a row, whole rows along an expert.
            long[] shape = block > 0 ? [Experts, rows, ((blocks * bits) + 7) / 8] : [Experts, rows * bits / 8];
            builder.Initializer("z" + suffix, 2, shape, Bytes(shape.Aggregate(1L, (a, b) => a * b)));
        }
    }
}
