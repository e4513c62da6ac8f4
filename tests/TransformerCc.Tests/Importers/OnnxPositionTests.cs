using System.Runtime.InteropServices;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Positions as data, Einstein's sums and quantisation: operators that are translated into arithmetic on many nodes.</summary>
public sealed class OnnxPositionTests
{
    /// <summary>x [2, 3] = 0..5.</summary>
    private static OnnxBuilder X(long opset = 21) => new OnnxBuilder(opset).Input("x", 1, 2, 3);

    private static double[] Run(OnnxBuilder builder, params string[] outputs)
    {
        foreach (string name in outputs.Length == 0 ? ["y"] : outputs)
        {
            builder.Output(name);
        }
        Graph graph = builder.Import();
        Assert.Empty(GraphVerifier.Verify(graph));
        Tensor x = Tensor.From<float>(ElementType.F32, [2, 3], [0, 1, 2, 3, 4, 5]);
        IReadOnlyDictionary<string, Tensor> results = GraphEvaluator.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = x });
        return [.. graph.Outputs.SelectMany(o => TensorMath.Doubles(results[o.Name]))];
    }

    private static byte[] Bytes(params sbyte[] values) => MemoryMarshal.AsBytes<sbyte>(values).ToArray();

    [Fact]
    public void Gathers_of_elements_and_of_tuples()
    {
        Assert.Equal([2, 0, 4, 5], Run(X().Longs("i", [2, 2], -1, 0, 1, 2).Node("GatherElements", "x i", "y", Int("axis", 1))));
        Assert.Equal([3, 1, 5], Run(X().Longs("i", [1, 3], 1, 0, -1).Node("GatherElements", "x i", "y", Int("axis", 0))));
        Assert.Equal([5, 0], Run(X().Longs("i", [2, 2], 1, 2, 0, 0).Node("GatherND", "x i", "y")));
        Assert.Equal([3, 4, 5], Run(X().Longs("i", [1, 1], -1).Node("GatherND", "x i", "y")));
        Assert.Equal([2, 3], Run(X().Longs("i", [2, 1], 2, 0).Node("GatherND", "x i", "y", Int("batch_dims", 1))));
    }

    [Fact]
    public void Scatters_of_elements_and_of_rows()
    {
        Assert.Equal([0, 1, 7, 8, 4, 5], Run(X().Longs("i", [2, 1], 2, -3).Floats("u", [2, 1], 7, 8).Node("ScatterElements", "x i u", "y", Int("axis", 1))));
        Assert.Equal([0, 31, 2, 3, 4, 5], Run(X().Longs("i", [1, 2], 1, 1).Floats("u", [1, 2], 10, 20).Node("ScatterElements", "x i u", "y", Int("axis", 1), Text("reduction", "add"))));
        Assert.Equal([0, 1, 2, 7, 8, 9], Run(X().Longs("i", [1, 1], 1).Floats("u", [1, 3], 7, 8, 9).Node("ScatterND", "x i u", "y")));
        Assert.Equal([0, 1, 2, 3, 8, 5], Run(X().Longs("i", [1, 2], 1, 1).Floats("u", [1], 8).Node("ScatterND", "x i u", "y", Text("reduction", "max"))));
    }

    [Fact]
    public void The_append_to_a_cache_goes_round_in_a_circle()
    {
        OnnxBuilder Cache() => X(24).Longs("shape", [3], 2, 3, 1).Node("Reshape", "x shape", "cache").Floats("u", [2, 2, 1], 7, 8, 9, 10).Longs("at", [2], 1, 2);
        Assert.Equal([0, 7, 8, 10, 4, 9], Run(Cache().Node("TensorScatter", "cache u at", "y", Text("mode", "circular"))));
    }

    [Fact]
    public void OneHot_at_any_axis_with_positions_from_the_end()
    {
        OnnxBuilder Hot() => X().Longs("i", [2], 1, -1).Longs("depth", [], 3).Floats("values", [2], 5, 9);
        Assert.Equal([5, 9, 5, 5, 5, 9], Run(Hot().Node("OneHot", "i depth values", "y")));
        Assert.Equal([5, 5, 9, 5, 5, 9], Run(Hot().Node("OneHot", "i depth values", "y", Int("axis", 0))));
    }

    [Fact]
    public void TopK_along_an_axis_that_is_not_the_last()
    {
        Assert.Equal([3, 4, 5, 1, 1, 1], Run(X().Longs("k", [1], 1).Node("TopK", "x k", "y i", Int("axis", 0)), "y", "i"));
        Assert.Equal([0, 1, 3, 4], Run(X().Longs("k", [1], 2).Node("TopK", "x k", "y i", Int("largest", 0))));
    }

    [Theory]
    [InlineData("ij->ji", "0, 3, 1, 4, 2, 5")]
    [InlineData("ij->i", "3, 12")]
    [InlineData("...j->...", "3, 12")]
    [InlineData("ij", "0, 1, 2, 3, 4, 5")]
    [InlineData("ij,kj->ik", "5, 14, 14, 50")]
    [InlineData("ij,ij->", "55")]
    [InlineData("ij,kj->ji", "0, 9, 5, 20, 14, 35")]
    [InlineData("ij,kl,ij->ik", "15, 60, 150, 600")]
    [InlineData("...ij,...ij->...j", "9, 17, 29")]
    public void Einstein_sums(string equation, string expected)
    {
        int inputs = equation.Split("->")[0].Split(',').Length;
        Assert.Equal(expected.Split(", ").Select(v => double.Parse(v, System.Globalization.CultureInfo.InvariantCulture)), Run(X().Node("Einsum", string.Join(' ', Enumerable.Repeat("x", inputs)), "y", Text("equation", equation))));
    }

    [Fact]
    public void An_equal_label_twice_is_the_diagonal() =>
        Assert.Equal([5, 50], Run(X().Node("Einsum", "x x", "g", Text("equation", "ij,kj->ik")).Node("Einsum", "g", "y", Text("equation", "ii->i"))));

    [Fact]
    public void A_wrong_equation_is_a_diagnostic() => Assert.Contains(X().Output("y").Node("Einsum", "x", "y", Text("equation", "ijk->i")).ImportErrors(), d => d.Code.StartsWith("TCC1", StringComparison.Ordinal));

    [Fact]
    public void Quantisation_rounds_half_to_even_and_saturates()
    {
        Assert.Equal([10, 10, 11, 12, 12, 12], Run(X().Floats("s", [], 2).Initializer("z", 2, [], [10]).Node("QuantizeLinear", "x s z", "y")));
        Assert.Equal([-128, -108, -88, -68, -48, -28], Run(X().Floats("s", [], 0.05f).Initializer("z", 3, [], [0x80]).Node("QuantizeLinear", "x s z", "y")));
        Assert.Equal([0, 2, 1, 3, 8, 2], Run(X().Floats("s", [3], 1, 0.5f, 2).Initializer("z", 2, [3], [0, 0, 0]).Node("QuantizeLinear", "x s z", "y", Int("axis", 1))));
    }

    [Fact]
    public void Quantisation_saturates_to_what_is_narrower_than_a_byte()
    {
        const int Int4 = 22, Uint2 = 25;
        Assert.Equal([-6, -2, 2, 6, 7, 7], Run(X().Floats("s", [], 0.25f).Initializer("z", Int4, [], [0x0A]).Node("QuantizeLinear", "x s z", "y")));
        Assert.Equal([0, 1, 2, 3, 3, 3], Run(X().Floats("s", [], 1).Node("QuantizeLinear", "x s", "y", Int("output_dtype", Uint2))));
        Assert.Equal([-448, -448, -448, 448, 448, 448], Run(X().Floats("half", [], 2.5f).Node("Sub", "x half", "c").Floats("s", [], 0.001f).Node("QuantizeLinear", "c s", "y", Int("output_dtype", 17))));
    }

    [Fact]
    public void Blocks_of_scales_run_along_their_axis()
    {
        OnnxBuilder Blocked() => X().Floats("s", [2, 2], 1, 0.5f, 2, 1).Initializer("q", 3, [2, 4], Bytes(1, 2, 3, 4, 5, 6, 7, -8)).Initializer("z", 3, [2, 2], Bytes(0, 1, 0, -1));
        Assert.Equal([1, 2, 1, 1.5, 10, 12, 8, -7], Run(Blocked().Node("DequantizeLinear", "q s z", "y", Int("axis", 1), Int("block_size", 2))));
    }

    [Fact]
    public void Products_of_bytes_take_their_zero_points_away()
    {
        OnnxBuilder Product() => X().Initializer("a", 2, [2, 2], [200, 1, 7, 255]).Initializer("b", 3, [2, 2], Bytes(-128, 127, 3, -4)).Initializer("p", 2, [], [7]).Initializer("q", 3, [2], Bytes(-2, 5));
        // (a − 7)·(b − (−2, 5))
        Assert.Equal([(193 * -126) + (-6 * 5), (193 * 122) + (-6 * -9), (0 * -126) + (248 * 5), 248 * -9], Run(Product().Node("MatMulInteger", "a b p q", "y")));
    }

    [Fact]
    public void Dynamic_quantisation_includes_zero_in_the_range() =>
        Assert.Equal([0, 51, 102, 153, 204, 255, 5 / 255f, 0], Run(X().Node("DynamicQuantizeLinear", "x", "y s z"), "y", "s", "z"));
}
