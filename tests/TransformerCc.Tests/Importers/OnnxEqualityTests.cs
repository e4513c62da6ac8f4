using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Tests.Verification;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Dimensions that a model names apart although its operators take them to be equal: one binary for all lengths.</summary>
public sealed class OnnxEqualityTests
{
    /// <summary>As decoders are exported: the mask has a length of its own name, which is that of the past and the new tokens together.</summary>
    private static OnnxBuilder Decoder(string maskLength) => new OnnxBuilder()
        .Input("mask", 1, "batch", maskLength).Input("x", 1, "batch", "seq", 4).Input("past", 1, "batch", "past", 4)
        .Node("Concat", "past x", "keys", Int("axis", 1)).Longs("axes", [1], -1).Node("Unsqueeze", "mask axes", "m").Node("Mul", "keys m", "y").Output("y", 1, "batch", "all", 4);

    [Theory]
    [InlineData("total")]
    [InlineData("past + seq")]
    [InlineData("past + 1")]
    public void Total_length_is_past_and_new(string maskLength)
    {
        Graph graph = Decoder(maskLength).Import();

        Assert.Equal("f32[batch, past + seq]", graph.Inputs[0].Type.ToString());
        Assert.Equal(["batch", "past", "seq"], graph.Dimensions.Keys);
        SecondOracle.Agree(Decoder(maskLength), [.. new[] { (0, 3), (4, 1), (5, 2) }.Select(s => new Dictionary<string, long> { ["batch"] = 2, ["past"] = s.Item1, ["seq"] = s.Item2 })]);
    }

    [Fact]
    public void Note_says_what_is_equal_and_where()
    {
        var diagnostics = new DiagnosticList();
        Decoder("total").Import(null, diagnostics);

        Diagnostic note = Assert.Single(diagnostics, d => d.Code == ImportCodes.EqualDimensions);
        Assert.Contains("total is past + seq", note.Message, StringComparison.Ordinal);
        Assert.Contains("node y (Mul)", note.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void Bound_of_the_total_bounds_its_parts()
    {
        Graph graph = Decoder("total").Import(new ImportOptions { Bindings = new Dictionary<string, DimensionLimit> { ["total"] = DimensionLimit.AtMost(64) } });

        Assert.Equal((new DimInterval(0, 63), new DimInterval(1, 64)), (graph.Dimensions["past"], graph.Dimensions["seq"]));
    }

    [Fact]
    public void Two_names_of_one_dimension_become_one()
    {
        Graph graph = new OnnxBuilder().Input("a", 1, "n").Input("b", 1, "m").Input("c", 1, "k").Node("Add", "a b", "s").Node("Add", "s c", "y").Output("y").Import();

        Assert.All(graph.Inputs, i => Assert.Equal("f32[n]", i.Type.ToString()));
    }

    [Fact]
    public void Convolution_asks_for_as_many_elements_as_it_needs()
    {
        var diagnostics = new DiagnosticList();
        Graph graph = new OnnxBuilder().Input("x", 1, 1, 1, "time").Floats("w", [1, 1, 5], new float[5]).Node("Conv", "x w", "a", Ints("strides", 2)).Node("Conv", "a w", "y").Output("y").Import(null, diagnostics);

        Assert.Equal(13, graph.Dimensions["time"].Lower);
        Assert.Contains(diagnostics, d => d.Message.StartsWith("time is at least 13", StringComparison.Ordinal));
    }
}
