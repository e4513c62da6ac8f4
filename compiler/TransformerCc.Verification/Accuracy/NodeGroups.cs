using System.Text.RegularExpressions;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Verification.Accuracy;

/// <summary>What nodes are put together by.</summary>
public enum NodeGrouping
{
    /// <summary>By layer where names tell layers, else every node alone.</summary>
    Auto,
    Node,
    Layer,
    Operator,
}

/// <param name="Nodes">In the order of the graph.</param>
public sealed record NodeGroup(string Name, IReadOnlyList<Node> Nodes);

/// <summary>Divides the nodes of a graph into groups.</summary>
public static partial class NodeGroups
{
    /// <summary>The groups in which the matrix engine rounds something, in the order of the graph.</summary>
    public static IReadOnlyList<NodeGroup> Of(Graph graph, NodeGrouping grouping)
    {
        // An append belongs to whoever reads the cache; a reshape computes nothing.
        Node[] nodes = [.. graph.Nodes.Where(n => n.Op is not (CacheAppend or Reshape))];
        string?[] layers = [.. nodes.Select(Layer)];
        bool byLayer = grouping == NodeGrouping.Layer || (grouping == NodeGrouping.Auto && layers.Any(l => l is not null));
        Func<int, string> name = grouping == NodeGrouping.Operator ? i => nodes[i].Op.Name : byLayer ? LayerOf : i => nodes[i].Output.Name;
        return [.. Enumerable.Range(0, nodes.Length).GroupBy(name, i => nodes[i], StringComparer.Ordinal).Where(g => g.Any(RoundedOperands.HasAny)).Select(g => new NodeGroup(g.Key, [.. g]))];

        // Nodes without a layer's name between those of one layer belong to it.
        string LayerOf(int i)
        {
            int last = Array.FindLastIndex(layers, i, l => l is not null);
            return layers[i] ?? (last >= 0 && Array.IndexOf(layers, layers[last], i) >= 0 ? layers[last]! : nodes[i].Output.Name);
        }
    }

    private static string? Layer(Node node) =>
        node.Inputs.Where(v => v.IsConstant).Select(v => v.Name).Concat(node.Sources).Append(node.Output.Name)
            .Select(n => LayerName().Match(n)).Where(m => m.Success).Select(m => m.Groups[1].Value.Replace('/', '.')).FirstOrDefault();

    /// <summary>A word with a number, as a part of a path: blk.3.attn_q, /model/layers.3/mlp, h/3/ln_1.</summary>
    [GeneratedRegex(@"(?:^|[./])([A-Za-z_]+[./]\d+)[./]", RegexOptions.CultureInvariant)]
    private static partial Regex LayerName();
}
