using QuikGraph;
using QuikGraph.Algorithms;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The nodes that some wanted tensors need, each after the nodes it reads from. The specification asks for that order in
/// the file; some exporters do not keep it.
/// </summary>
internal static class NodeOrder
{
    /// <exception cref="ImportException">Two nodes write one tensor, or the nodes form a cycle.</exception>
    public static IReadOnlyList<NodeProto> Sort(IReadOnlyList<NodeProto> nodes, IEnumerable<string> wanted)
    {
        var producers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < nodes.Count; i++)
        {
            foreach (string output in nodes[i].Output.Where(o => o.Length > 0))
            {
                if (!producers.TryAdd(output, i))
                {
                    throw new ImportException(ImportCodes.Structure, $"two nodes write tensor '{output}'");
                }
            }
        }
        var needed = new SortedSet<int>();
        var open = new Stack<string>(wanted);
        bool ordered = true;
        while (open.TryPop(out string? name))
        {
            if (producers.TryGetValue(name, out int producer) && needed.Add(producer))
            {
                foreach (string input in Reads(nodes[producer]))
                {
                    ordered &= !producers.TryGetValue(input, out int source) || source < producer;
                    open.Push(input);
                }
            }
        }
        return [.. (ordered ? needed : Topological(nodes, needed, producers)).Select(i => nodes[i])];
    }

    private static IEnumerable<int> Topological(IReadOnlyList<NodeProto> nodes, SortedSet<int> needed, Dictionary<string, int> producers)
    {
        var graph = new AdjacencyGraph<int, SEdge<int>>(allowParallelEdges: false);
        graph.AddVertexRange(needed);
        foreach (int node in needed)
        {
            foreach (string input in Reads(nodes[node]))
            {
                if (producers.TryGetValue(input, out int source))
                {
                    graph.AddEdge(new SEdge<int>(source, node));
                }
            }
        }
        try
        {
            return [.. graph.TopologicalSort()];
        }
        catch (NonAcyclicGraphException)
        {
            var components = new Dictionary<int, int>();
            graph.StronglyConnectedComponents(components);
            var cycle = components.GroupBy(c => c.Value).First(g => g.Count() > 1 || graph.ContainsEdge(g.First().Key, g.First().Key));
            throw new ImportException(ImportCodes.Structure, $"the nodes form a cycle through tensor '{nodes[cycle.Min(c => c.Key)].Output.FirstOrDefault()}'");
        }
    }

    /// <summary>The tensors a node reads, those its subgraphs read from outside among them.</summary>
    private static IEnumerable<string> Reads(NodeProto node) =>
        node.Input.Where(i => i.Length > 0)
            .Concat(node.Attribute.Where(a => a.G is not null).SelectMany(a => a.G.Node.SelectMany(Reads).Concat(a.G.Output.Select(o => o.Name))));
}
