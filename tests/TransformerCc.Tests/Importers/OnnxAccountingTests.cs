using Google.Protobuf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Nothing that a model says is passed over: what is not declared is refused by its name.</summary>
public sealed class OnnxAccountingTests
{
    private const string Microsoft = "com.microsoft";

    private static OnnxBuilder Softmax(params AttributeProto[] attributes) => new OnnxBuilder().Input("x", 1, 2, 3).Node("Softmax", "x", "y", attributes).Output("y");

    [Fact]
    public void An_unknown_attribute_is_named_with_its_value()
    {
        Diagnostic error = Assert.Single(Softmax(Int("axis", -1), Int("foo", 7)).ImportErrors());

        Assert.Equal(ImportCodes.BadNode, error.Code);
        Assert.Contains("attribute foo = 7", error.Message, StringComparison.Ordinal);
        Assert.Contains("its attributes are axis", error.Message, StringComparison.Ordinal);
        Assert.Contains("node y (Softmax)", error.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_of_a_node_are_told_at_once() => Assert.Equal(3, Softmax(Int("foo", 1), Float("axis", 1), Float("bar", 0.5f)).ImportErrors().Count);

    [Theory]
    [InlineData(AttributeProto.Types.AttributeType.Float, "FLOAT")]
    [InlineData(AttributeProto.Types.AttributeType.String, "STRING")]
    [InlineData(AttributeProto.Types.AttributeType.Ints, "INTS")]
    [InlineData(AttributeProto.Types.AttributeType.SparseTensor, "SPARSETENSOR")]
    public void An_attribute_of_another_type_is_refused(AttributeProto.Types.AttributeType type, string name) =>
        Assert.Contains(name, Assert.Single(Softmax(new AttributeProto { Name = "axis", Type = type }).ImportErrors()).Message, StringComparison.Ordinal);

    /// <summary>Files of IR version 1 do not write the type of an attribute: the field that is filled tells it.</summary>
    [Fact]
    public void An_attribute_without_a_type_has_that_of_its_value()
    {
        Assert.NotNull(Softmax(new AttributeProto { Name = "axis", I = 1 }).Import());
        Assert.Contains("FLOAT", Assert.Single(Softmax(new AttributeProto { Name = "axis", F = 1 }).ImportErrors()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_attribute_is_given_once() => Assert.Contains("twice", Assert.Single(Softmax(Int("axis", 0), Int("axis", 1)).ImportErrors()).Message, StringComparison.Ordinal);

    /// <summary>A misspelt name would leave the default in its place.</summary>
    [Fact]
    public void A_misspelt_attribute_is_refused() => Assert.Contains("epsilon", Assert.Single(new OnnxBuilder(17).Input("x", 1, 2, 3).Floats("s", [3], 1, 1, 1)
        .Node("LayerNormalization", "x s", "y", Float("eps", 0.1f)).Output("y").ImportErrors()).Message, StringComparison.Ordinal);

    /// <summary>Axes of a sum are an attribute up to operator set 12 and an input since.</summary>
    [Fact]
    public void An_attribute_of_another_version_is_refused()
    {
        OnnxBuilder Sum(long opset) => new OnnxBuilder(opset).Input("x", 1, 2, 3).Node("ReduceSum", "x", "y", Ints("axes", 1)).Output("y");

        Assert.NotNull(Sum(12).Import());
        Assert.Contains("version 13", Assert.Single(Sum(13).ImportErrors()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_attribute_is_refused() =>
        Assert.Contains("attribute axis is missing", Assert.Single(new OnnxBuilder().Input("x", 1, 2).Node("Concat", "x x", "y").Output("y").ImportErrors()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("tanh", true)]
    [InlineData("none", true)]
    [InlineData("quick", false)]
    public void A_text_must_be_one_of_those_that_are_declared(string approximate, bool isPossible)
    {
        OnnxBuilder builder = new OnnxBuilder(20).Input("x", 1, 2)
            .Node("Gelu", "x", "y", new AttributeProto { Name = "approximate", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(approximate) }).Output("y");
        Assert.Equal(isPossible, Record.Exception(() => builder.Import()) is null);
    }

    [Fact]
    public void Inputs_beyond_those_of_the_operator_are_refused()
    {
        Diagnostic error = Assert.Single(new OnnxBuilder().Input("x", 1, 2, 3).Node("Softmax", "x x x", "y").Output("y").ImportErrors());
        Assert.Contains("has 3 inputs, the operator has 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Outputs_beyond_those_of_the_operator_are_refused() =>
        Assert.Contains("has 2 outputs", Assert.Single(new OnnxBuilder().Input("x", 1, 2, 3).Node("Softmax", "x", "y z").Output("y").ImportErrors()).Message, StringComparison.Ordinal);

    [Fact]
    public void An_input_that_is_left_out_is_named() =>
        Assert.Contains("input 1 (B) is missing", Assert.Single(new OnnxBuilder().Input("x", 1, 2, 3).Node("MatMul", "x", "y").Output("y").ImportErrors()).Message, StringComparison.Ordinal);

    /// <summary>What is wrong with a node is told even where its inputs could not be imported.</summary>
    [Fact]
    public void Nodes_behind_an_obstacle_are_checked_too() =>
        Assert.Equal(2, new OnnxBuilder().Input("x", 1, 2, 3).Node("LSTM", "x", "h").Node("Softmax", "h", "y", Int("foo", 1)).Output("y").ImportErrors().Count);

    [Fact]
    public void Weights_prepared_for_one_kernel_are_refused() => Assert.Contains("weight_prepacked = 1: only 0 is supported", Assert.Single(new OnnxBuilder().Input("x", 1, 2, 16)
        .Initializer("w", 2, [4, 1, 8], new byte[32]).Floats("s", [4], 1, 1, 1, 1)
        .Node(Microsoft, "MatMulNBits", "x w s", "y", Int("K", 16), Int("N", 4), Int("bits", 4), Int("block_size", 16), Int("weight_prepacked", 1)).Output("y").ImportErrors()).Message, StringComparison.Ordinal);

    [Fact]
    public void A_newer_operator_set_is_refused_and_can_be_accepted()
    {
        OnnxBuilder builder = new OnnxBuilder(99).Input("x", 1, 2, 3).Node("Softmax", "x", "y").Output("y");
        builder.Model.IrVersion = 99;
        IReadOnlyList<Diagnostic> errors = builder.ImportErrors();
        Assert.Equal([ImportCodes.NewerVersion, ImportCodes.NewerVersion], errors.Select(e => e.Code));
        Assert.All(errors, e => Assert.Contains("--accept-newer", e.Help, StringComparison.Ordinal));

        DiagnosticList diagnostics = [];
        Assert.NotNull(builder.Import(new ImportOptions { AcceptNewer = true }, diagnostics));
        Assert.Equal(2, diagnostics.Count(d => d is { Code: ImportCodes.NewerVersion, Severity: DiagnosticSeverity.Warning }));
    }

    [Fact]
    public void An_operator_that_its_operator_set_does_not_have_yet_is_refused()
    {
        Diagnostic error = Assert.Single(new OnnxBuilder(17).Input("x", 1, 2).Node("Gelu", "x", "y").Output("y").ImportErrors());
        Assert.Contains("version 17", error.Message, StringComparison.Ordinal);
        Assert.Contains("from version 20 on", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_operator_set_has_one_version()
    {
        OnnxBuilder builder = Softmax();
        builder.Model.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx", Version = 11 });
        Assert.Contains("16 and 11", Assert.Single(builder.ImportErrors()).Message, StringComparison.Ordinal);
    }

    /// <summary>A field of the file that is not read is told where it stands: here, the sparse constants of a graph.</summary>
    [Fact]
    public void Parts_of_the_file_that_are_not_read_are_told()
    {
        // ModelProto.graph (7) is merged with a second part of itself, which has the one field sparse_initializer (15), empty.
        byte[] bytes = [.. Softmax().Bytes(), (7 << 3) | 2, 2, (15 << 3) | 2, 0];
        OnnxModelFile file = OnnxModelFile.Parse(bytes, "test.onnx");

        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => OnnxImporter.Import(file, new ImportOptions(), [])).Diagnostics);
        Assert.Equal(ImportCodes.UnreadField, error.Code);
        Assert.Contains("sparse", error.Message, StringComparison.Ordinal);
        Assert.Contains($"byte {bytes.Length - 2}", error.Location, StringComparison.Ordinal);
        Assert.NotNull(OnnxImporter.Import(file, new ImportOptions { AcceptNewer = true }, []));
    }

    [Fact]
    public void The_same_constant_twice_is_a_note_and_two_under_one_name_are_an_error()
    {
        OnnxBuilder Constants(float second) => new OnnxBuilder().Input("x", 1, 2).Floats("c", [2], 1, 2).Floats("c", [2], 1, second).Node("Add", "x c", "y").Output("y");
        DiagnosticList diagnostics = [];

        Assert.NotNull(Constants(2).Import(diagnostics: diagnostics));
        Assert.Equal(DiagnosticSeverity.Note, Assert.Single(diagnostics, d => d.Code == ImportCodes.SameConstant).Severity);
        Assert.Contains("different constants are called 'c'", Assert.Single(Constants(3).ImportErrors()).Message, StringComparison.Ordinal);
    }

    /// <summary>Metadata change nothing; a key that no known writer uses is named.</summary>
    [Theory]
    [InlineData("pkg.torch.export.graph_signature", false)]
    [InlineData("sliding_window", true)]
    public void Metadata_of_unknown_writers_are_named(string key, bool isNamed)
    {
        OnnxBuilder builder = Softmax();
        builder.Model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = "4096" });
        DiagnosticList diagnostics = [];
        Assert.NotNull(builder.Import(diagnostics: diagnostics));
        Assert.Equal(isNamed, diagnostics.Any(d => d.Code == ImportCodes.Metadata && d.Message.Contains(key, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_constant_and_a_node_of_one_name_are_an_error() => Assert.Contains("called 'y'",
        Assert.Single(new OnnxBuilder().Input("x", 1, 2).Floats("y", [2], 1, 2).Node("Relu", "x", "y").Output("y").ImportErrors()).Message, StringComparison.Ordinal);

    /// <summary>Nodes without an order leave every output without a value: only the cycle is told.</summary>
    [Fact]
    public void What_follows_from_a_cycle_is_not_told_again() => Assert.Contains("cycle",
        Assert.Single(new OnnxBuilder().Input("x", 1, 2).Node("Add", "x b", "a").Node("Relu", "a", "b").Output("a").Output("b").ImportErrors()).Message, StringComparison.Ordinal);

    /// <summary>A call of a function may not say more than the function declares.</summary>
    [Theory]
    [InlineData("x", "y", 0, false)]
    [InlineData("x x", "y", 0, true)]
    [InlineData("x", "y z", 0, true)]
    [InlineData("x", "y", 1, true)]
    public void Calls_of_functions_are_accounted_for(string inputs, string outputs, int attributes, bool isRefused)
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, 2)
            .Node("local", "F", inputs, outputs, [.. Enumerable.Range(0, attributes).Select(i => Int("foo", i))]).Output("y");
        builder.Model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        builder.Model.Functions.Add(new FunctionProto
        {
            Domain = "local",
            Name = "F",
            Input = { "a" },
            Output = { "b" },
            Node = { MakeNode("", "Relu", "a", "b") },
            OpsetImport = { new OperatorSetIdProto { Version = 16 } },
        });
        Assert.Equal(isRefused, Record.Exception(() => builder.Import()) is DiagnosticException);
    }
}
