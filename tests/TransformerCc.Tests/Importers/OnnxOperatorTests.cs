using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Operators whose translation is more than one node, by the values they give.</summary>
public sealed class OnnxOperatorTests
{
    private static readonly float[] Six = [-2, -1, 0, 1, 2, 3];

    /// <summary>Imports one node over x [2, 3] = -2..3 and evaluates it.</summary>
    private static double[] Run(OnnxBuilder builder)
    {
        Graph graph = builder.Output("y").Import();
        Assert.Empty(GraphVerifier.Verify(graph));
        Tensor x = Tensor.From<float>(ElementType.F32, [2, 3], Six);
        return TensorMath.Doubles(GraphEvaluator.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = x })["y"]);
    }

    private static OnnxBuilder X(long opset = 16) => new OnnxBuilder(opset).Input("x", 1, 2, 3);

    private static void Same(double[] actual, params double[] expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void Softmax_before_opset_13_is_over_all_dimensions_from_the_axis_on()
    {
        double sum = Six.Sum(v => Math.Exp(v));
        Same(Run(X(11).Node("Softmax", "x", "y", Int("axis", 0))), [.. Six.Select(v => Math.Exp(v) / sum)]);
        double[] column = Run(X(13).Node("Softmax", "x", "y", Int("axis", 0)));
        Assert.Equal(1, column[0] + column[3], 1e-6);
    }

    [Fact]
    public void LogSoftmax_is_the_logarithm_of_softmax()
    {
        double sum = Math.Exp(-2) + Math.Exp(-1) + 1;
        Same(Run(X().Node("LogSoftmax", "x", "y"))[..3], -2 - Math.Log(sum), -1 - Math.Log(sum), -Math.Log(sum));
    }

    [Fact]
    public void Gemm_transposes_and_scales() =>
        Same(Run(X().Floats("w", [2, 3], 1, 0, 0, 0, 1, 1).Floats("c", [2], 10, 20)
            .Node("Gemm", "x w c", "y", Int("transB", 1), Float("alpha", 2), Float("beta", 0.5f))), 1, 8, 7, 20);

    [Fact]
    public void MatMul_with_a_vector_drops_its_dimension()
    {
        Same(Run(X().Floats("v", [3], 1, 2, 3).Node("MatMul", "x v", "y")), -4, 14);
        Same(Run(X().Floats("v", [2], 1, 2).Node("MatMul", "v x", "y")), 0, 3, 6);
    }

    [Fact]
    public void Clip_reads_bounds_from_attributes_or_inputs()
    {
        Same(Run(X(10).Node("Clip", "x", "y", Float("min", -1), Float("max", 2))), -1, -1, 0, 1, 2, 2);
        Same(Run(X().Floats("top", [], 1).Node("Clip", "x _ top", "y")), -2, -1, 0, 1, 1, 1);
    }

    [Fact]
    public void Pad_adds_and_crops() =>
        Same(Run(X().Longs("pads", [4], 0, 1, -1, -1).Floats("v", [], 9).Node("Pad", "x pads v", "y")), 9, -2, -1);

    [Fact]
    public void LayerNormalization_over_two_dimensions_is_over_their_product()
    {
        double mean = 0.5, deviation = Math.Sqrt(Six.Average(v => (v - mean) * (v - mean)) + 1e-5);
        Same(Run(X(17).Floats("scale", [2, 3], 1, 1, 1, 1, 1, 2).Node("LayerNormalization", "x scale", "y", Int("axis", 0))),
            [.. Six.Select((v, i) => (v - mean) / deviation * (i == 5 ? 2 : 1))]);
    }

    [Fact]
    public void Statistics_of_LayerNormalization_are_results_too() =>
        Same(Run(X(17).Floats("scale", [3], 1, 1, 1).Node("LayerNormalization", "x scale", "n y d")), -1, 2);

    [Fact]
    public void Activations_are_composed_by_their_definitions()
    {
        Same(Run(X().Node("LeakyRelu", "x", "y", Float("alpha", 0.5f))), -1, -0.5, 0, 1, 2, 3);
        Same(Run(X().Node("Elu", "x", "y")), Math.Exp(-2) - 1, Math.Exp(-1) - 1, 0, 1, 2, 3);
        Same(Run(X().Node("HardSigmoid", "x", "y")), 0.1, 0.3, 0.5, 0.7, 0.9, 1);
        Same(Run(X().Node("Softplus", "x", "y")), [.. Six.Select(v => Math.Log(1 + Math.Exp(v)))]);
    }

    [Fact]
    public void Powers_with_their_own_nodes_and_others()
    {
        Same(Run(X().Floats("e", [], 2).Node("Pow", "x e", "y")), 4, 1, 0, 1, 4, 9);
        Same(Run(X().Longs("e", [], 3).Node("Pow", "x e", "y")), -8, -1, 0, 1, 8, 27);
    }

    [Fact]
    public void Reductions_over_axes_given_either_way()
    {
        Same(Run(X(11).Node("ReduceSum", "x", "y", Ints("axes", -1), Int("keepdims", 0))), -3, 6);
        Same(Run(X(13).Longs("axes", [1], 0).Node("ReduceSum", "x axes", "y")), -1, 1, 3);
        Same(Run(X().Node("ReduceL2", "x", "y")), Math.Sqrt(19));
        Same(Run(X().Node("ReduceLogSumExp", "x", "y")), Math.Log(Six.Sum(v => Math.Exp(v))));
        Same(Run(X(18).Node("ReduceSum", "x", "y", Int("noop_with_empty_axes", 1))), [.. Six.Select(v => (double)v)]);
    }

    [Fact]
    public void ArgMax_takes_the_first_or_the_last_of_equals()
    {
        Same(Run(X().Node("Relu", "x", "r").Node("ArgMax", "r", "y", Int("axis", 1), Int("keepdims", 0))), 0, 2);
        Same(Run(X().Node("Relu", "x", "r").Node("ArgMax", "r", "y", Int("axis", 1), Int("keepdims", 0), Int("select_last_index", 1))), 2, 2);
    }

    [Fact]
    public void Gather_of_one_position_and_Where()
    {
        Same(Run(X().Longs("i", [], -1).Node("Gather", "x i", "y", Int("axis", 1))), 0, 3);
        Same(Run(X().Floats("z", [], 0).Node("Greater", "x z", "c").Node("Where", "c x z", "y")), 0, 0, 0, 1, 2, 3);
    }

    [Fact]
    public void Convolution_pads_to_the_same_size()
    {
        // x as one image row of 6: [1, 1, 6], kernel of ones of width 2, the extra pad at the end.
        AttributeProto same = new() { Name = "auto_pad", Type = AttributeProto.Types.AttributeType.String, S = Google.Protobuf.ByteString.CopyFromUtf8("SAME_UPPER") };
        Same(Run(X().Longs("image", [3], 1, 1, 6).Floats("w", [1, 1, 2], 1, 1).Node("Reshape", "x image", "i").Node("Conv", "i w", "y", same)), -3, -1, 1, 3, 5, 3);
    }

    [Fact]
    public void Constants_in_their_forms()
    {
        AttributeProto floats = new() { Name = "value_floats", Floats = { 1, 2, 3 } };
        Same(Run(X().Node("Constant", "", "c", floats).Node("Add", "x c", "y")), -1, 1, 3, 2, 4, 6);
    }
}
