using System.Security.Cryptography;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR;

/// <summary>
/// A model as single-assignment values. Nodes stand in an order in which every value is computed before it is used.
/// Passes change the graph in place through the methods here; the verifier runs after each.
/// </summary>
public sealed class Graph(string name)
{
    private int _nextName;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    public string Name { get; } = name;

    public List<Value> Inputs { get; } = [];

    public List<Node> Nodes { get; } = [];

    /// <summary>The values the model returns, in order, under the names the user knows.</summary>
    public List<GraphOutput> Outputs { get; } = [];

    /// <summary>Tensors that live on between runs (caches): each is an input whose next content is a value of this run.</summary>
    public List<GraphState> States { get; } = [];

    /// <summary>Integer inputs that may be left out, with the value that then fills them.</summary>
    public Dictionary<Value, DimExpr> Fills { get; } = [];

    /// <summary>Values of dimensions that no input shape tells and nobody gives.</summary>
    public SortedDictionary<string, DimExpr> DimensionDefaults { get; } = new(StringComparer.Ordinal);

    /// <summary>Every symbolic dimension with the interval it may take; ordered by name, so that iteration is deterministic.</summary>
    public SortedDictionary<string, DimInterval> Dimensions { get; } = new(StringComparer.Ordinal);

    public Value AddInput(string name, TensorType type)
    {
        var value = new Value(UniqueName(name), type);
        Inputs.Add(value);
        return value;
    }

    /// <summary>A constant. Its data may be a memory-mapped part of the model file and is never copied.</summary>
    public Value Constant(Tensor data, string? name = null) => Constant(data, name, label: null);

    /// <summary>A constant whose data has a label in the text form.</summary>
    internal Value Constant(Tensor data, string? name, string? label) => new(UniqueName(name ?? "const"), TensorType.Of(data)) { ConstantData = data, DataLabel = label };

    /// <summary>Appends a node, or inserts it before <paramref name="before"/>; its result types are inferred by the operator.</summary>
    /// <exception cref="ShapeException">The operands do not fit the operator.</exception>
    public Node Add(Operator op, IReadOnlyList<Value> inputs, IReadOnlyList<string> sources, string? name = null, Node? before = null)
    {
        Node node = Create(op, inputs, sources, ShapeRules.Infer(op, inputs), _ => name ?? op.Name);
        if (before is null)
        {
            Nodes.Add(node);
        }
        else
        {
            Nodes.Insert(Nodes.IndexOf(before), node);
        }
        return node;
    }

    /// <summary>Appends a node with a name for every result.</summary>
    internal Node Add(Operator op, IReadOnlyList<Value> inputs, IReadOnlyList<string> sources, IReadOnlyList<string> names)
    {
        EquatableArray<TensorType> types = ShapeRules.Infer(op, inputs);
        ShapeRules.Expect(types.Count == names.Count, $"{op.Name} gives {types.Count} results, {names.Count} are named");
        Node node = Create(op, inputs, sources, types, i => names[i]);
        Nodes.Add(node);
        return node;
    }

    private Node Create(Operator op, IReadOnlyList<Value> inputs, IReadOnlyList<string> sources, EquatableArray<TensorType> types, Func<int, string> name)
    {
        var node = new Node(op, [.. inputs], sources);
        for (int i = 0; i < types.Count; i++)
        {
            node.Outputs.Add(new Value(UniqueName(name(i)), types[i]) { Producer = node });
        }
        return node;
    }

    /// <summary>Every use of <paramref name="old"/>, outputs of the graph included, becomes a use of <paramref name="replacement"/>.</summary>
    public void ReplaceUses(Value old, Value replacement)
    {
        foreach (Node node in Nodes)
        {
            for (int i = 0; i < node.Inputs.Count; i++)
            {
                if (ReferenceEquals(node.Inputs[i], old))
                {
                    node.Inputs[i] = replacement;
                }
            }
        }
        for (int i = 0; i < Outputs.Count; i++)
        {
            if (ReferenceEquals(Outputs[i].Value, old))
            {
                Outputs[i] = Outputs[i] with { Value = replacement };
            }
        }
        for (int i = 0; i < States.Count; i++)
        {
            if (ReferenceEquals(States[i].Next, old))
            {
                States[i] = States[i] with { Next = replacement };
            }
        }
    }

    /// <summary>What must be computed: the outputs, and the next contents of the states.</summary>
    public IEnumerable<Value> Results => Outputs.Select(o => o.Value).Concat(States.Select(s => s.Next));

    /// <summary>The nodes that read each value; graph outputs are not uses. Recomputed on each call.</summary>
    public Dictionary<Value, List<Node>> Uses()
    {
        var uses = new Dictionary<Value, List<Node>>();
        foreach (Node node in Nodes)
        {
            foreach (Value input in node.Inputs.Distinct())
            {
                if (!uses.TryGetValue(input, out List<Node>? list))
                {
                    uses[input] = list = [];
                }
                list.Add(node);
            }
        }
        return uses;
    }

    public bool IsOutput(Value value) => Outputs.Exists(o => ReferenceEquals(o.Value, value));

    /// <summary>A name no other value of this graph has, made from a hint.</summary>
    public string UniqueName(string hint)
    {
        string clean = new([.. hint.Select(c => char.IsAsciiLetterOrDigit(c) || IsNamePunctuation(c) ? c : '_')]);
        clean = clean.Length == 0 ? "v" : clean;
        string name = clean;
        while (!_names.Add(name))
        {
            name = $"{clean}~{++_nextName}";
        }
        return name;
    }

    /// <summary>Values are named in letters, digits and these (the lexer of the text form knows them too).</summary>
    internal static bool IsNamePunctuation(char c) => c is '_' or '.' or '/' or ':' or '-' or '~';
}

/// <param name="Name">The name in the model.</param>
public sealed record GraphOutput(string Name, Value Value);

/// <summary>
/// A tensor in DRAM that lives on between runs. In the graph it is functional: an input, and the value that the input has
/// in the next run. Only the append that computes <paramref name="Next"/> reads <paramref name="Input"/>, so that it can
/// be done in place; the verifier checks it.
/// </summary>
public sealed record GraphState(Value Input, Value Next);

/// <summary>A tensor that exists once: a graph input, a constant, or the result of a node.</summary>
public sealed class Value(string name, TensorType type)
{
    private string? _dataLabel;

    public string Name { get; } = name;

    public TensorType Type { get; set; } = type;

    /// <summary>The node that computes it; null for inputs and constants.</summary>
    public Node? Producer { get; set; }

    /// <summary>The data of a constant.</summary>
    public Tensor? ConstantData { get; init; }

    /// <summary>
    /// Stands for large constant data in the text form: a hash of the bytes, or the label that the text gave.
    /// Null for other values; computed when first asked for.
    /// </summary>
    public string? DataLabel
    {
        get => _dataLabel ??= ConstantData is null ? null : Convert.ToHexStringLower(Hash(ConstantData).AsSpan(0, 8));
        init => _dataLabel = value;
    }

    public bool IsConstant => ConstantData is not null;

    private static byte[] Hash(Tensor data)
    {
        const int HashedBytes = 1 << 24;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0; at < data.ByteCount; at += HashedBytes)
        {
            hash.AppendData(data.Bytes(at, (int)long.Min(HashedBytes, data.ByteCount - at)));
        }
        return hash.GetHashAndReset();
    }

    public override string ToString() => $"%{Name}";
}

/// <summary>An operator applied to values.</summary>
/// <param name="sources">The names of the model's nodes this one stands for; merged when nodes are fused.</param>
public sealed class Node(Operator op, List<Value> inputs, IReadOnlyList<string> sources)
{
    public Operator Op { get; set; } = op;

    public List<Value> Inputs { get; } = inputs;

    public List<Value> Outputs { get; } = [];

    /// <summary>The result of a node that has one.</summary>
    public Value Output => Outputs[0];

    public IReadOnlyList<string> Sources { get; set; } = sources;
}
