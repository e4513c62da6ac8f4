using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Evaluation of whole graphs: symbols from shapes, results by name, failures with the node's name.</summary>
public sealed class GraphEvaluatorTests
{
    private static Graph Cached() => GraphTexts.Parse("""
        dim length in 1..16
        dim past in 0..16
        input %new : f32[length, 2]
        input %mask : f32[past + length]
        input %old : f32[past, 2]
        %all : f32[length + past, 2] = concat(%old, %new) {axis = 0}
        %total : f32[2] = reduce(%all) {function = sum, axes = [0]}
        %count : i64[1] = shape_value() {elements = [past + length], shape = [1]}
        output "total" = %total
        output "count" = %count
        output "same" = %mask
        """);

    private static Tensor Ones(params long[] shape) => Tensor.From<float>(ElementType.F32, shape, Enumerable.Repeat(1f, (int)shape.Aggregate(1L, (a, b) => a * b)).ToArray());

    [Fact]
    public void Symbols_are_solved_from_the_shapes_and_intermediates_are_seen()
    {
        var seen = new List<string>();
        IReadOnlyDictionary<string, Tensor> results = GraphEvaluator.Evaluate(Cached(),
            new Dictionary<string, Tensor> { ["new"] = Ones(3, 2), ["old"] = Ones(4, 2), ["mask"] = Ones(7) }, observe: (node, values) => seen.Add($"{node.Output.Name} {GraphTexts.Print(values[0])}"));
        Assert.Equal("f32[2] = 7", GraphTexts.Print(results["total"]));
        Assert.Equal("i64[1] = 7", GraphTexts.Print(results["count"]));
        Assert.Equal(3, results.Count);
        Assert.Equal(["all f32[7, 2] = 1", "total f32[2] = 7", "count i64[1] = 7"], seen);
    }

    [Fact]
    public void Empty_dimensions_are_evaluated()
    {
        IReadOnlyDictionary<string, Tensor> results = GraphEvaluator.Evaluate(Cached(), new Dictionary<string, Tensor> { ["new"] = Ones(1, 2), ["old"] = Ones(0, 2), ["mask"] = Ones(1) });
        Assert.Equal("f32[2] = 1", GraphTexts.Print(results["total"]));
    }

    [Theory]
    [InlineData(3, 4, 8, DimensionBinding.WrongInput, "\"mask\" is 8, needed is 7 (length + past with length = 3, past = 4)")]
    [InlineData(3, 17, 20, DimensionBinding.OutOfBounds, "past is 17, outside 0..16")]
    public void Inputs_that_do_not_fit_are_refused(long length, long past, long mask, string code, string message)
    {
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphEvaluator.Evaluate(Cached(),
            new Dictionary<string, Tensor> { ["new"] = Ones(length, 2), ["old"] = Ones(past, 2), ["mask"] = Ones(mask) }));
        Assert.Contains(e.Diagnostics, d => d.Code == code && d.Message.Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void Missing_and_wrong_inputs_are_all_named()
    {
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphEvaluator.Evaluate(Cached(), new Dictionary<string, Tensor> { ["new"] = Ones(2) }));
        Assert.Equal([DimensionBinding.WrongInput, DimensionBinding.MissingInput, DimensionBinding.MissingInput, DimensionBinding.UnboundDimension, DimensionBinding.UnboundDimension],
            e.Diagnostics.Select(d => d.Code));
    }

    [Fact]
    public void Symbols_that_no_input_tells_are_given_by_the_caller()
    {
        Graph graph = GraphTexts.Parse("""
            dim n in 1..16
            %r : i64[n] = iota() {type = i64, shape = [n], axis = 0, start = [n], step = 1}
            output "r" = %r
            """);
        var none = new Dictionary<string, Tensor>();
        Assert.Throws<DiagnosticException>(() => GraphEvaluator.Evaluate(graph, none));
        Assert.Equal("i64[2] = {2, 3}", GraphTexts.Print(GraphEvaluator.Evaluate(graph, none, new Dictionary<string, long> { ["n"] = 2 })["r"]));
    }

    [Theory]
    [InlineData("const %t : f32[2] = 1\nconst %i : i64[1] = 2", "f32[1] = gather(%t, %i) {axis = 0}", "index 2 is outside a dimension of 2")]
    [InlineData("const %x : f32[1, 1] = 1\nconst %i : i64[1, 1] = 2\nconst %w : f32[2, 1, 1] = 1", "f32[1, 1, 1] = expert_linear(%x, %i, %w)", "there is no expert 2 among 2")]
    [InlineData("const %t : i64[1] = 1\nconst %i : i64[1] = 0", "i64[1] = binary(%t, %i) {function = div}", "integer division by zero")]
    [InlineData("const %t : i64[1, 0] = {}", "i64[1] = reduce(%t) {function = max, axes = [1]}", "Max of no elements")]
    [InlineData("const %t : f32[1] = 1", "f32[1000000, 1000000] = broadcast(%t) {shape = [1000000, 1000000]}", "the reference evaluates up to")]
    public void Failures_name_the_node(string constants, string node, string message)
    {
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphTexts.Evaluate($"{constants}\n%r : {node} from \"culprit\"\noutput \"r\" = %r"));
        Diagnostic only = Assert.Single(e.Diagnostics);
        Assert.Contains(message, only.Message, StringComparison.Ordinal);
        Assert.EndsWith("from \"culprit\"", only.Location, StringComparison.Ordinal);
    }
}
