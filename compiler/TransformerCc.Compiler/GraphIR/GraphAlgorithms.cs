using QuikGraph;
using QuikGraph.Algorithms;
using QuikGraph.Algorithms.Search;

namespace TransformerCc.Compiler.GraphIR;

/// <summary>Orders and reachability of nodes: QuikGraph's algorithms over the data flow (an edge from producer to reader).</summary>
public static class GraphAlgorithms
{
    /// <summary>The nodes of the graph in their order, and an edge from each node to each node that reads it.</summary>
    public static BidirectionalGraph<Node, SEquatableEdge<Node>> DataFlow(Graph graph)
    {
        var flow = new BidirectionalGraph<Node, SEquatableEdge<Node>>(allowParallelEdges: false);
        flow.AddVertexRange(graph.Nodes);
        foreach (Node node in graph.Nodes)
        {
            foreach (Value input in node.Inputs)
            {
                if (input.Producer is { } producer && flow.ContainsVertex(producer))
                {
                    flow.AddEdge(new SEquatableEdge<Node>(producer, node));
                }
            }
        }
        return flow;
    }

    /// <summary>Whether every node stands after the producers of its operands.</summary>
    public static bool IsOrdered(Graph graph)
    {
        var seen = new HashSet<Node>();
        var all = new HashSet<Node>(graph.Nodes);
        foreach (Node node in graph.Nodes)
        {
            if (node.Inputs.Exists(v => v.Producer is { } p && all.Contains(p) && !seen.Contains(p)))
            {
                return false;
            }
            seen.Add(node);
        }
        return true;
    }

    /// <summary>Puts the nodes in an order in which every value is computed before it is used; an ordered graph keeps its order.</summary>
    /// <exception cref="InvalidOperationException">The graph has a cycle; the verifier names it.</exception>
    public static void Sort(Graph graph)
    {
        if (IsOrdered(graph))
        {
            return;
        }
        try
        {
            Node[] sorted = [.. DataFlow(graph).TopologicalSort()];
            graph.Nodes.Clear();
            graph.Nodes.AddRange(sorted);
        }
        catch (NonAcyclicGraphException e)
        {
            throw new InvalidOperationException($"graph \"{graph.Name}\" has a cycle", e);
        }
    }

    /// <summary>Groups of nodes that need each other's results: each is a cycle.</summary>
    public static IReadOnlyList<IReadOnlyList<Node>> Cycles(Graph graph)
    {
        BidirectionalGraph<Node, SEquatableEdge<Node>> flow = DataFlow(graph);
        var component = new Dictionary<Node, int>();
        flow.StronglyConnectedComponents(component);
        return [.. graph.Nodes.GroupBy(n => component[n])
            .Where(g => g.Skip(1).Any() || flow.ContainsEdge(g.First(), g.First()))
            .Select(g => g.ToArray())];
    }

    /// <summary>The nodes that some output of the graph depends on.</summary>
    public static HashSet<Node> Live(Graph graph) => Ancestors(graph, graph.Results.Select(v => v.Producer).OfType<Node>());

    /// <summary>The given nodes and every node that they depend on.</summary>
    public static HashSet<Node> Ancestors(Graph graph, IEnumerable<Node> of) =>
        Reachable(new ReversedBidirectionalGraph<Node, SEquatableEdge<Node>>(DataFlow(graph)), of);

    /// <summary>The given nodes and every node that depends on them.</summary>
    public static HashSet<Node> Descendants(Graph graph, IEnumerable<Node> of) => Reachable(DataFlow(graph), of);

    private static HashSet<Node> Reachable<TEdge>(IVertexListGraph<Node, TEdge> flow, IEnumerable<Node> roots) where TEdge : IEdge<Node>
    {
        var found = new HashSet<Node>();
        foreach (Node root in roots)
        {
            if (!found.Contains(root) && flow.ContainsVertex(root))
            {
                var search = new DepthFirstSearchAlgorithm<Node, TEdge>(flow) { ProcessAllComponents = false };
                search.DiscoverVertex += node => found.Add(node);
                search.Compute(root);
            }
        }
        return found;
    }
}
