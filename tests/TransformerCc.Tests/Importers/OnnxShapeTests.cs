using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Shape arithmetic of models becomes expressions over their dimensions, whatever way exporters spell it.</summary>
public sealed class OnnxShapeTests
{
    /// <summary>x [batch, seq, 64] and the scalars that Shape and Gather give of it.</summary>
    private static OnnxBuilder Sequence(long opset = 16) => new OnnxBuilder(opset)
        .Input("x", 1, "batch", "seq", 64)
        .Longs("zero", [], 0).Longs("one", [], 1).Longs("at0", [1], 0).Longs("minus", [1], -1).Longs("heads", [1], 4)
        .Node("Shape", "x", "shape")
        .Node("Gather", "shape zero", "b").Node("Gather", "shape one", "s");

    private static string Shape(Graph graph, string output = "y") => graph.Outputs.Single(o => o.Name == output).Value.Type.ToString();

    [Fact]
    public void Reshape_to_heads_keeps_symbols()
    {
        Graph graph = Sequence()
            .Node("Unsqueeze", "b at0", "b1").Node("Unsqueeze", "s at0", "s1")
            .Node("Concat", "b1 s1 heads minus", "target", Int("axis", 0))
            .Node("Reshape", "x target", "y").Output("y").Import();

        Assert.Equal("f32[batch, seq, 4, 16]", Shape(graph));
        Assert.Single(graph.Nodes);
    }

    [Fact]
    public void Division_through_float_is_seen_through()
    {
        // How a size is halved and rounded up when an exporter computes in float: ceil(float(seq * 6) / 4).
        Graph graph = Sequence().Longs("six", [], 6).Floats("four", [], 4)
            .Node("Mul", "s six", "m").Node("Cast", "m", "f", Int("to", 1)).Node("Div", "f four", "q").Node("Ceil", "q", "c").Node("Cast", "c", "n", Int("to", 7))
            .Node("Unsqueeze", "n at0", "n1").Floats("v", [], 1).Node("Expand", "v n1", "y").Output("y").Import();

        Assert.Equal("f32[-floordiv(-6*seq, 4)]", Shape(graph));
    }

    [Fact]
    public void Expand_with_the_guard_that_torch_writes()
    {
        // where(shape == -1, 1, shape): the comparison is provable because no dimension is negative.
        Graph graph = Sequence()
            .Node("ConstantOfShape", "three", "ones", new AttributeProto { Name = "value", T = new TensorProto { DataType = 7, Dims = { 1L }, Int64Data = { 1L } } })
            .Longs("three", [1], 3).Longs("none", [], -1)
            .Node("Mul", "ones none", "guard").Node("Equal", "shape guard", "is").Node("Where", "is ones shape", "target")
            .Floats("v", [1, 1, 64], new float[64]).Node("Expand", "v target", "y").Output("y").Import();

        Assert.Equal("f32[batch, seq, 64]", Shape(graph));
    }

    [Fact]
    public void Slice_of_a_table_bounds_the_dimension()
    {
        var diagnostics = new DiagnosticList();
        Graph graph = Sequence().Floats("table", [128, 64], new float[128 * 64])
            .Node("Unsqueeze", "s at0", "s1").Node("Slice", "table at0 s1 at0", "rows").Node("Add", "x rows", "y").Output("y").Import(null, diagnostics);

        Assert.Equal("f32[batch, seq, 64]", Shape(graph));
        Assert.Equal(new DimInterval(1, 128), graph.Dimensions["seq"]);
        Assert.Equal(new DimInterval(1, 4096), graph.Dimensions["batch"]);
        Assert.Contains(diagnostics, d => d.Code == ImportCodes.TableBound && d.Message.Contains("seq is at most 128", StringComparison.Ordinal));
        Assert.Contains(diagnostics, d => d.Code == ImportCodes.Bounds && d.Message.Contains("batch = 1..4096 (default)", StringComparison.Ordinal));
    }

    [Fact]
    public void Positions_from_range_bound_the_dimension_through_gather()
    {
        Graph graph = Sequence().Floats("table", [100, 64], new float[6400])
            .Node("Range", "zero s one", "positions").Node("Gather", "table positions", "rows").Node("Add", "x rows", "y").Output("y").Import();

        Assert.Equal(new DimInterval(1, 100), graph.Dimensions["seq"]);
        Assert.Contains(graph.Nodes, n => n.Op is Iota);
    }

    [Theory]
    [InlineData(0, long.MaxValue, 1, "f32[batch, seq, 64]")]
    [InlineData(1, long.MaxValue, 1, "f32[batch, seq - 1, 64]")]
    [InlineData(0, -1, 1, "f32[batch, seq - 1, 64]")]
    [InlineData(-1, int.MaxValue, 1, "f32[batch, 1, 64]")]
    [InlineData(-1, long.MinValue, -1, "f32[batch, seq, 64]")]
    [InlineData(0, 5000, 1, "f32[batch, seq, 64]")]
    [InlineData(0, 1, 1, "f32[batch, 1, 64]")]
    [InlineData(0, long.MaxValue, 2, "f32[batch, floordiv(seq + 1, 2), 64]")]
    public void Slice_bounds_are_clamped_as_the_specification_says(long start, long end, long step, string type)
    {
        Graph graph = Sequence().Longs("start", [1], start).Longs("end", [1], end).Longs("step", [1], step).Longs("axis", [1], 1)
            .Node("Slice", "x start end axis step", "y").Output("y").Import();

        Assert.Equal(type, Shape(graph));
    }

    [Fact]
    public void Shape_used_as_data_becomes_a_shape_value()
    {
        Graph graph = Sequence().Node("Cast", "s", "f", Int("to", 1)).Node("Mul", "x f", "y").Output("y").Import();

        Node value = Assert.Single(graph.Nodes, n => n.Op is ShapeValue);
        Assert.Equal("seq", ((ShapeValue)value.Op).Elements[0].ToString());
    }

    [Fact]
    public void Bindings_fix_and_bound_dimensions()
    {
        var options = new ImportOptions
        {
            Bindings = new Dictionary<string, DimensionLimit> { ["batch"] = DimensionLimit.To(2), ["seq"] = DimensionLimit.AtMost(7) },
        };
        Graph graph = Sequence().Node("Relu", "x", "y").Output("y").Import(options);

        Assert.Equal("f32[2, seq, 64]", Shape(graph));
        Assert.Equal(new DimInterval(1, 7), graph.Dimensions["seq"]);
    }

    [Fact]
    public void Unnamed_dimensions_get_names_and_a_past_may_be_empty()
    {
        Graph graph = new OnnxBuilder().Input("x", 1, "", "past_len").Node("Relu", "x", "y").Output("y").Import();

        Assert.Equal("f32[x_dim0, past_len]", Shape(graph));
        Assert.Equal(0, graph.Dimensions["past_len"].Lower);
        Graph keys = new OnnxBuilder().Input("past_key", 1, "batch", "P").Node("Relu", "past_key", "y").Output("y").Import();
        Assert.Equal((1, 0), (keys.Dimensions["batch"].Lower, keys.Dimensions["P"].Lower));
    }

    [Theory]
    [InlineData(11, "f32[batch, 64]")]
    [InlineData(13, "f32[batch, 64]")]
    public void Axes_are_read_as_attribute_or_input(long opset, string type)
    {
        OnnxBuilder builder = new OnnxBuilder(opset).Input("x", 1, "batch", 1, 64).Longs("axes", [1], 1);
        builder = opset < 13 ? builder.Node("Squeeze", "x", "y", Ints("axes", 1)) : builder.Node("Squeeze", "x axes", "y");

        Assert.Equal(type, Shape(builder.Output("y").Import()));
    }

    [Fact]
    public void Split_without_sizes_is_even()
    {
        Graph graph = Sequence().Node("Split", "x", "p q", Int("axis", 2)).Output("p").Output("q").Import();

        Assert.Equal("f32[batch, seq, 32]", Shape(graph, "p"));
        Assert.Equal("f32[batch, seq, 32]", Shape(graph, "q"));
    }

    [Fact]
    public void Tile_repeats_through_reshape_and_broadcast()
    {
        Graph graph = Sequence().Longs("repeats", [3], 1, 2, 3).Node("Tile", "x repeats", "y").Output("y").Import();

        Assert.Equal("f32[batch, 2*seq, 192]", Shape(graph));
    }

    [Fact]
    public void Inferred_types_win_over_declared_ones_with_a_warning()
    {
        var diagnostics = new DiagnosticList();
        Graph graph = Sequence().Node("Relu", "x", "y").Output("y", 1, "batch", "seq", 32).Import(null, diagnostics);

        Assert.Equal("f32[batch, seq, 64]", Shape(graph));
        Assert.Equal(ImportCodes.DeclaredType, Assert.Single(diagnostics, d => d.Severity == DiagnosticSeverity.Warning).Code);
    }
}
