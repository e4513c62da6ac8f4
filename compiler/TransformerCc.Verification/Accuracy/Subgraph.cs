using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.Accuracy;

/// <summary>Some nodes of a graph as a graph of their own: what they read from others are its inputs.</summary>
internal sealed class Subgraph
{
    private readonly Dictionary<Value, Value> _values = [];

    private Subgraph(Graph graph)
    {
        Graph = new Graph(graph.Name);
        foreach ((string name, var interval) in graph.Dimensions)
        {
            Graph.Dimensions[name] = interval;
        }
        foreach ((string name, var value) in graph.DimensionDefaults)
        {
            Graph.DimensionDefaults[name] = value;
        }
    }

    public Graph Graph { get; }

    /// <summary>Values of the whole graph that this one reads, beside its inputs; states are not among them.</summary>
    public List<(Value Whole, Value Input)> Inputs { get; } = [];

    /// <summary>Values of the whole graph that others need, beside the names of its outputs.</summary>
    public List<(Value Whole, string Name)> Outputs { get; } = [];

    /// <param name="nodes">In the order of the graph.</param>
    /// <param name="isNeeded">Whether a value is read outside.</param>
    /// <exception cref="DiagnosticException">TCC6038: a cache is read outside.</exception>
    public static Subgraph Of(Graph graph, IReadOnlyList<Node> nodes, Predicate<Value> isNeeded)
    {
        var part = new Subgraph(graph);
        foreach (Node node in nodes)
        {
            Node copy = part.Graph.Add(node.Op, [.. node.Inputs.Select(v => part.Operand(graph, v))], node.Sources, node.Output.Name);
            for (int o = 0; o < node.Outputs.Count; o++)
            {
                part._values[node.Outputs[o]] = copy.Outputs[o];
            }
        }
        var roots = new HashSet<Value>();
        foreach (Value value in nodes.SelectMany(n => n.Outputs).Where(v => isNeeded(v)))
        {
            // A reshape has no place of its own: whoever needs it gets its operand, and reshapes that.
            Value root = value;
            while (root.Producer is { Op: Reshape } reshape)
            {
                root = reshape.Inputs[0];
            }
            if (root.Producer is { Op: CacheAppend })
            {
                throw new DiagnosticException(Diagnostic.Error("TCC6038", $"the cache {value} is read by nodes apart from each other, which cannot be compiled apart", help: "bisect by --group-by layer"));
            }
            if (root.Producer is { } producer && nodes.Contains(producer) && roots.Add(root))
            {
                part.Graph.Outputs.Add(new GraphOutput("value of " + root.Name, part._values[root]));
                part.Outputs.Add((root, "value of " + root.Name));
            }
        }
        return part;
    }

    private Value Operand(Graph graph, Value value)
    {
        if (_values.TryGetValue(value, out Value? known))
        {
            return known;
        }
        if (value.ConstantData is { } data)
        {
            return _values[value] = Graph.Constant(data, value.Name);
        }
        Value input = _values[value] = Graph.AddInput(value.Name, value.Type);
        if (!graph.States.Exists(s => ReferenceEquals(s.Input, value)))
        {
            Inputs.Add((value, input));
        }
        return input;
    }

    /// <summary>Makes the caches that the nodes append to states again.</summary>
    public Subgraph WithStates(Graph graph)
    {
        foreach (GraphState state in graph.States.Where(s => _values.ContainsKey(s.Next)))
        {
            Graph.States.Add(new GraphState(_values[state.Input], _values[state.Next]));
        }
        return this;
    }
}
