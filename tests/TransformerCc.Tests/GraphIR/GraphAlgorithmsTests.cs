using TransformerCc.Compiler.GraphIR;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Orders and reachability over the data flow.</summary>
public sealed class GraphAlgorithmsTests
{
    private static Graph Diamond() => GraphTexts.Parse("""
        input %x : f32[4]
        %a : f32[4] = unary(%x) {function = exp}
        %b : f32[4] = unary(%a) {function = sin}
        %c : f32[4] = unary(%a) {function = cos}
        %d : f32[4] = binary(%b, %c) {function = add}
        %dead : f32[4] = unary(%b) {function = abs}
        output "y" = %d
        """);

    private static string Names(IEnumerable<Node> nodes) => string.Join(' ', nodes.Select(n => n.Output.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Sorting_restores_an_order_and_keeps_one_that_is_right()
    {
        Graph graph = Diamond();
        Node[] before = [.. graph.Nodes];
        GraphAlgorithms.Sort(graph);
        Assert.Equal(before, graph.Nodes);
        graph.Nodes.Reverse();
        Assert.False(GraphAlgorithms.IsOrdered(graph));
        GraphAlgorithms.Sort(graph);
        Assert.True(GraphAlgorithms.IsOrdered(graph));
        Assert.Empty(GraphVerifier.Verify(graph));
    }

    [Fact]
    public void Live_nodes_are_those_an_output_depends_on() => Assert.Equal("a b c d", Names(GraphAlgorithms.Live(Diamond())));

    [Fact]
    public void Ancestors_and_descendants_follow_the_edges()
    {
        Graph graph = Diamond();
        Assert.Equal("a b", Names(GraphAlgorithms.Ancestors(graph, [graph.Nodes[1]])));
        Assert.Equal("b d dead", Names(GraphAlgorithms.Descendants(graph, [graph.Nodes[1]])));
    }

    [Fact]
    public void Cycles_are_named_and_cannot_be_sorted()
    {
        Graph graph = Diamond();
        graph.Nodes[0].Inputs[0] = graph.Nodes[2].Output;
        Assert.Equal("a c", Names(Assert.Single(GraphAlgorithms.Cycles(graph))));
        Assert.Throws<InvalidOperationException>(() => GraphAlgorithms.Sort(graph));
    }
}
