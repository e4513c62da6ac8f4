using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>What cannot be imported is said once each, all of it in one run, with the node and what to do.</summary>
public sealed class OnnxDiagnosticsTests
{
    [Fact]
    public void Every_obstacle_is_reported_in_one_run()
    {
        IReadOnlyList<Diagnostic> errors = new OnnxBuilder().Input("x", 1, "batch", 8)
            .Node("Neg", "x", "n").Node("LSTM", "n", "a").Node("Relu", "a", "a2").Node("Sigmoid", "a2", "out1")
            .Node("com.example", "Magic", "x", "b").Node("Add", "b b", "out2")
            .Floats("w", [5, 4], new float[20]).Node("MatMul", "x w", "out3")
            .Output("out1").Output("out2").Output("out3").ImportErrors();

        Assert.Equal([ImportCodes.UnsupportedOperator, ImportCodes.UnsupportedOperator, ImportCodes.Shape], errors.Select(e => e.Code));
        Assert.Contains("node a (LSTM)", errors[0].Location, StringComparison.Ordinal);
        Assert.Contains("--outputs n", errors[0].Help, StringComparison.Ordinal);
        Assert.Contains("com.example", errors[1].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TopK", "x k")]
    [InlineData("Range", "k k k")]
    [InlineData("Trilu", "x k")]
    [InlineData("CumSum", "x k")]
    public void Numbers_that_are_missing_are_named(string op, string inputs)
    {
        Diagnostic error = Assert.Single(new OnnxBuilder().Input("x", 1, 4, 8).Longs("k", [0]).Node(op, inputs, "y").Output("y").ImportErrors());
        Assert.Contains("0 elements in place of one", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unsupported_nodes_that_no_output_needs_do_not_matter()
    {
        Graph graph = new OnnxBuilder().Input("x", 1, 2).Node("LSTM", "x", "a").Node("Relu", "x", "y").Output("y").Import();

        Assert.Single(graph.Nodes);
    }

    [Fact]
    public void Group_normalization_by_a_scalar_is_refused() => Assert.Single(new OnnxBuilder(21).Input("x", 1, 2, 4, 3).Floats("s", [], 1).Floats("b", [4], new float[4])
        .Node("GroupNormalization", "x s b", "y", Int("num_groups", 2)).Output("y").ImportErrors());

    /// <summary>Any step beyond the length picks one element; a huge one must not overflow an address.</summary>
    [Fact]
    public void A_step_beyond_every_length_is_a_step()
    {
        Graph graph = new OnnxBuilder().Input("x", 1, "n", 4).Longs("from", [1], 0).Longs("to", [1], 4).Longs("axis", [1], 1).Longs("step", [1], 1L << 60)
            .Node("Slice", "x from to axis step", "y").Output("y").Import();
        Assert.Equal("f32[n, 1]", graph.Outputs[0].Value.Type.ToString());
        CompiledAgreement.Check(graph, TestChips.Edge, Precision.F32, [new Dictionary<string, long> { ["n"] = 3 }], seed: 1);
    }

    [Fact]
    public void Outputs_cut_the_graph()
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, 2).Node("Relu", "x", "h").Node("LSTM", "h", "y").Output("y");

        Graph graph = builder.Import(new ImportOptions { Outputs = ["h"] });
        Assert.Equal("h", Assert.Single(graph.Outputs).Name);
        Assert.Equal(ImportCodes.Option, Assert.Single(builder.ImportErrors(new ImportOptions { Outputs = ["nothing"] })).Code);
    }

    [Fact]
    public void A_shape_from_data_asks_for_a_constant_and_takes_it()
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, 6).Input("shape", 7, 2).Node("Reshape", "x shape", "y").Output("y");

        Diagnostic error = Assert.Single(builder.ImportErrors());
        Assert.Equal(ImportCodes.DataDependent, error.Code);
        Assert.Contains("--const shape=", error.Help, StringComparison.Ordinal);

        var options = new ImportOptions { Constants = new Dictionary<string, Tensor> { ["shape"] = Tensor.From<long>(ElementType.I64, [2], [2, 3]) } };
        Graph graph = builder.Import(options);
        Assert.Equal("f32[2, 3]", graph.Outputs[0].Value.Type.ToString());
        Assert.Equal("x", Assert.Single(graph.Inputs).Name);
    }

    [Fact]
    public void A_fixed_size_that_fits_is_proposed()
    {
        Diagnostic error = Assert.Single(new OnnxBuilder().Input("a", 1, "n").Floats("b", [7], new float[7]).Node("Add", "a b", "y").Output("y").ImportErrors());

        Assert.Contains("--bind n=7", error.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_name_nothing_are_errors()
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, "n").Node("Relu", "x", "y").Output("y");
        var options = new ImportOptions
        {
            Bindings = new Dictionary<string, DimensionLimit> { ["m"] = DimensionLimit.To(3) },
            InputShapes = new Dictionary<string, IReadOnlyList<long>> { ["z"] = [1] },
        };
        Assert.Equal([ImportCodes.Option, ImportCodes.Option], builder.ImportErrors(options).Select(e => e.Code));
    }

    /// <summary>What operators say of sizes of 0 follows from the option, which is named first; a past may be empty.</summary>
    [Fact]
    public void A_dimension_made_empty_is_the_first_error()
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, "batch", 6).Longs("shape", [2], 0, -1).Node("Reshape", "x shape", "y").Output("y");
        IReadOnlyList<Diagnostic> errors = builder.ImportErrors(new ImportOptions { Bindings = new Dictionary<string, DimensionLimit> { ["batch"] = DimensionLimit.To(0) } });
        Assert.Equal(ImportCodes.Option, errors[0].Code);
        Assert.Contains("--bind batch=0", errors[0].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    public void If_with_a_known_condition_is_its_branch(long dims, int expected)
    {
        // The condition is "x has one dimension of size 1 at position 0", which is known from the type.
        GraphProto Branch(string op) => new() { Node = { MakeNode("", op, "x", op) }, Output = { new ValueInfoProto { Name = op } } };
        Graph graph = new OnnxBuilder().Input("x", 1, 1, 2).Longs("at", [], dims).Longs("one", [], 1)
            .Node("Shape", "x", "s").Node("Gather", "s at", "d").Node("Equal", "d one", "c")
            .Node("If", "c", "y", new AttributeProto { Name = "then_branch", G = Branch("Relu") }, new AttributeProto { Name = "else_branch", G = Branch("Tanh") })
            .Output("y").Import();

        Assert.Equal(expected == 1 ? "Relu" : "Tanh", ((Unary)Assert.Single(graph.Nodes).Op).Function.ToString());
    }

    [Fact]
    public void Functions_are_inlined_with_their_attributes()
    {
        var builder = new OnnxBuilder().Input("x", 1, 2);
        var leaky = MakeNode("", "LeakyRelu", "a", "b", new AttributeProto { Name = "alpha", RefAttrName = "slope" });
        builder.Model.Functions.Add(new FunctionProto
        {
            Domain = "local",
            Name = "Twice",
            Input = { "a" },
            Output = { "c" },
            Attribute = { "slope" },
            Node = { leaky, MakeNode("", "Add", "b b", "c") },
            OpsetImport = { new OperatorSetIdProto { Version = 16 } },
        });
        builder.Model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        Graph graph = builder.Node("local", "Twice", "x", "y", Float("slope", 0.5f)).Output("y").Import();

        Assert.Contains(graph.Nodes.SelectMany(n => n.Inputs), v => v.ConstantData is { Count: 1 } data && data.Type == ElementType.F32 && data.AsSpan<float>()[0] == 0.5f);
        Assert.Contains("y/", Assert.Single(graph.Nodes[^1].Sources), StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_calls_itself_is_refused()
    {
        var builder = new OnnxBuilder().Input("x", 1, 2);
        builder.Model.Functions.Add(new FunctionProto { Domain = "local", Name = "F", Input = { "a" }, Output = { "b" }, Node = { MakeNode("local", "F", "a", "b") } });

        Assert.Contains(builder.Node("local", "F", "x", "y").Output("y").ImportErrors(), e => e.Code == ImportCodes.Limit);
    }

    [Fact]
    public void Nodes_out_of_order_are_sorted_and_cycles_refused()
    {
        Graph graph = new OnnxBuilder().Input("x", 1, 2).Node("Tanh", "h", "y").Node("Relu", "x", "h").Output("y").Import();
        Assert.Equal(["h", "y"], graph.Nodes.Select(n => n.Output.Name));

        Diagnostic error = Assert.Single(new OnnxBuilder().Input("x", 1, 2).Node("Add", "x b", "a").Node("Relu", "a", "b").Output("b").ImportErrors(), e => e.Message.Contains("cycle", StringComparison.Ordinal));
        Assert.Equal(ImportCodes.Structure, error.Code);
    }

    [Fact]
    public void Two_outputs_of_one_name_are_refused()
    {
        Diagnostic error = Assert.Single(new OnnxBuilder().Input("x", 1, 2).Node("Relu", "x", "y").Output("y").Output("y").ImportErrors());

        Assert.Equal(ImportCodes.Structure, error.Code);
    }

    [Theory]
    [InlineData(1L << 41, 1)]
    [InlineData(1L << 40, 1L << 40)]
    [InlineData(long.MaxValue, long.MaxValue)]
    public void Sizes_that_no_machine_holds_are_refused(long rows, long columns)
    {
        Assert.All(new OnnxBuilder().Input("x", 1, rows, columns, "n").Node("Relu", "x", "y").Output("y").ImportErrors(), e => Assert.Equal(ImportCodes.Limit, e.Code));
    }

    [Fact]
    public void Split_into_another_number_of_parts_is_refused()
    {
        Diagnostic error = Assert.Single(new OnnxBuilder(18).Input("x", 1, 4).Node("Split", "x", "a b", Int("num_outputs", -1)).Output("a").ImportErrors());

        Assert.Equal(ImportCodes.BadNode, error.Code);
    }

    /// <summary>A node of many steps is named once.</summary>
    [Fact]
    public void Attention_on_double_is_named()
    {
        var diagnostics = new DiagnosticList();
        new OnnxBuilder(23).Input("q", 11, 1, 2, 3, 4).Input("k", 11, 1, 2, 3, 4).Input("v", 11, 1, 2, 3, 4).Node("Attention", "q k v", "y").Output("y", 11).Import(null, diagnostics);

        Assert.Equal("nodes y", Assert.Single(diagnostics, d => d.Code == ImportCodes.DoubleArithmetic).Location);
    }

    [Fact]
    public void Arithmetic_on_double_is_a_warning_that_names_the_nodes()
    {
        var diagnostics = new DiagnosticList();
        new OnnxBuilder().Input("x", 11, 2).Node("Add", "x x", "y").Output("y", 11, 2).Import(null, diagnostics);

        Assert.Contains(diagnostics, d => d.Code == ImportCodes.DoubleArithmetic && d.Location!.Contains('y', StringComparison.Ordinal));
    }
}
