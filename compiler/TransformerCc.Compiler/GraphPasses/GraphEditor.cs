using System.Runtime.InteropServices;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Changes a graph while a pass walks over it: keeps use counts up to date, removes what a replacement leaves without
/// use at once, and hands the source names of the removed nodes to the nodes that stand for them.
/// </summary>
public sealed class GraphEditor
{
    private readonly Dictionary<Value, int> _uses = [];
    private readonly HashSet<Node> _removed = [];
    private readonly List<Node> _added = [];
    private Node? _current;

    public GraphEditor(Graph graph)
    {
        Graph = graph;
        foreach (Value input in graph.Nodes.SelectMany(n => n.Inputs).Concat(graph.Results))
        {
            Count(input)++;
        }
    }

    public Graph Graph { get; }

    /// <summary>How many operands and graph outputs the value is.</summary>
    public int Uses(Value value) => _uses.GetValueOrDefault(value);

    public bool IsAlive(Node node) => !_removed.Contains(node);

    /// <summary>New nodes go before this one from now on.</summary>
    public void Begin(Node node)
    {
        _current = node;
        _added.Clear();
    }

    /// <summary>
    /// A new node before the current one. Without <paramref name="sources"/> it gets the sources of everything that the
    /// next replacement removes; movements beside a node that computes only those of the current node.
    /// </summary>
    public Value Add(Operator op, IReadOnlyList<Value> inputs, IReadOnlyList<string>? sources = null)
    {
        Node node = Graph.Add(op, inputs, sources ?? _current?.Sources ?? [], before: _current);
        foreach (Value input in inputs)
        {
            Count(input)++;
        }
        if (sources is null)
        {
            _added.Add(node);
        }
        return node.Output;
    }

    public Value Constant(Tensor data, string? name = null) => Graph.Constant(data, name);

    /// <summary>The result of the current node becomes <paramref name="replacement"/> everywhere.</summary>
    public void Replace(Value old, Value replacement)
    {
        Graph.ReplaceUses(old, replacement);
        Count(replacement) += Uses(old);
        Count(old) = 0;
        IReadOnlyList<string> removed = Remove(old.Producer);
        bool computes = _added.Exists(n => !IsMovement(n.Op));
        foreach (Node node in _added.Where(n => !computes || !IsMovement(n.Op)))
        {
            node.Sources = [.. removed.Concat(node.Sources).Distinct(StringComparer.Ordinal)];
        }
        _added.Clear();
    }

    private static bool IsMovement(Operator op) => op is Reshape or Transpose or Slice or Broadcast or Concat or Cast;

    /// <summary>Removes a node without use, and its operands as far as nothing else uses them.</summary>
    private List<string> Remove(Node? root)
    {
        var dead = new HashSet<Node>();
        var work = new Stack<Node?>([root]);
        while (work.TryPop(out Node? node))
        {
            if (node is null || node.Outputs.Exists(o => Uses(o) > 0) || !dead.Add(node))
            {
                continue;
            }
            foreach (Value input in node.Inputs)
            {
                Count(input)--;
                work.Push(input.Producer);
            }
        }
        List<string> sources = [.. Graph.Nodes.Where(dead.Contains).SelectMany(n => n.Sources).Distinct(StringComparer.Ordinal)];
        Graph.Nodes.RemoveAll(dead.Contains);
        _removed.UnionWith(dead);
        return sources;
    }

    private ref int Count(Value value) => ref CollectionsMarshal.GetValueRefOrAddDefault(_uses, value, out _);
}
