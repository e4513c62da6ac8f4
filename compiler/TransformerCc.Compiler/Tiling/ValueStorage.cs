using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Decides how each value is stored: its format, and the DRAM tensor that holds it where it has to leave the chip.
/// </summary>
/// <remarks>
/// A reshape moves nothing: its result shares the storage of its operand. In a loop of layers all iterations share the
/// storage of the first, and what one hands to the next is overwritten in place. Formats: a value that only feeds matrix
/// products has the compile precision, everything else (the residual stream first of all) stays f32.
/// </remarks>
internal sealed class ValueStorage
{
    private readonly Graph _graph;
    private readonly Precision _precision;
    private readonly TileProgram _program;
    private readonly Dictionary<Value, List<Node>> _uses;
    private readonly Dictionary<Value, ElementType> _formats = [];
    private readonly Dictionary<Value, DramTensor> _tensors = [];
    private readonly Dictionary<Value, List<Value>> _aliases = [];
    private readonly Dictionary<Value, ValuePlace> _resident = [];

    /// <summary>For the root of a value in a loop of layers: the value whose place it shares.</summary>
    private readonly Dictionary<Value, Value> _shared = [];
    private readonly Dictionary<Node, Node> _lowered = [];
    private readonly Dictionary<Node, Node> _last = [];
    private readonly HashSet<Value> _carried = [];
    private readonly Dictionary<Value, Value[]> _members = [];

    /// <summary>Values that stand for a carried one inside the loop that is being lowered.</summary>
    private readonly Dictionary<Value, Value> _inside = [];

    public ValueStorage(Graph graph, Precision precision, TileProgram program, IEnumerable<LayerRun> runs)
    {
        _graph = graph;
        _precision = precision;
        _program = program;
        _uses = graph.Uses();
        foreach (LayerRun run in runs)
        {
            Share(run);
        }
        foreach (Node node in graph.Nodes)
        {
            foreach (Value v in node.Outputs)
            {
                Value root = Holder(v);
                (_aliases.TryGetValue(root, out List<Value>? list) ? list : _aliases[root] = []).Add(v);
            }
        }
        foreach (Value input in graph.Inputs)
        {
            GraphState? state = graph.States.Find(s => ReferenceEquals(s.Input, input));
            Declare(input, new DramTensor(input.Name, state is null ? TensorKind.Input : TensorKind.State, input.Type.Element, [.. input.Type.Shape])
            {
                Fill = graph.Fills.GetValueOrDefault(input),
                State = state is null ? null : Describe(state),
                Members = Names(input),
            });
        }
        foreach (GraphOutput output in graph.Outputs)
        {
            Value root = Holder(output.Value);
            if (IsLaterMember(output.Value))
            {
                _program.Tensors.Add(OutputTensor(output));
            }
            else if (root.Producer is not null && !_tensors.ContainsKey(root))
            {
                Declare(root, OutputTensor(output) with { Members = Names(output.Value) });
            }
        }
    }

    private void Share(LayerRun run)
    {
        foreach ((Value first, Value[] members) in run.Members)
        {
            _members[first] = members;
        }
        foreach (IReadOnlyList<Node> iteration in run.Iterations.Skip(1))
        {
            for (int j = 0; j < iteration.Count; j++)
            {
                _lowered[iteration[j]] = run.Body[j];
                _last[run.Body[j]] = iteration[j];
                for (int o = 0; o < iteration[j].Outputs.Count; o++)
                {
                    _shared.TryAdd(iteration[j].Outputs[o], run.Body[j].Outputs[o]);
                }
            }
        }
        foreach ((Value source, Value initial) in run.Carried)
        {
            _carried.Add(Root(source));
            if (!run.Copied.Contains(initial))
            {
                _shared[Root(source)] = Root(initial);
                _carried.Add(Root(initial));
            }
        }
    }

    /// <summary>The model's nodes that a node stands for; in a loop those of the first and of the last iteration.</summary>
    public IEnumerable<string> SourcesOf(Node node) => _last.TryGetValue(node, out Node? last) ? [.. node.Sources, "…", .. last.Sources] : node.Sources;

    /// <summary>Inside a loop, what its first iteration reads is where every iteration finds what is handed on.</summary>
    public void Enter(LayerRun run)
    {
        foreach ((Value source, Value initial) in run.Carried.Where(c => run.Copied.Contains(c.Value)))
        {
            _inside[Root(initial)] = Root(source);
        }
    }

    public void Leave() => _inside.Clear();

    /// <summary>The value whose storage holds this one, across reshapes and the iterations of a loop.</summary>
    public Value Holder(Value value)
    {
        while (true)
        {
            // Another iteration's value first: an append of its own would lead to its own cache.
            Value next = _shared.TryGetValue(value, out Value? first) ? first : Root(value);
            if (ReferenceEquals(next, value))
            {
                return _inside.TryGetValue(value, out Value? carried) ? Holder(carried) : value;
            }
            value = next;
        }
    }

    /// <summary>Whether a node writes what an iteration hands to the next: readers of the old value must be lowered before it.</summary>
    public bool WritesCarried(Node node) => node.Outputs.Exists(IsCarried);

    /// <summary>Whether a value is what iterations hand to each other, or shares its place.</summary>
    public bool IsCarried(Value value) => _carried.Contains(Holder(value));

    private ImmutableArray<string> Names(Value value) => _members.TryGetValue(value, out Value[]? members) && !value.IsConstant ? [.. members.Select(m => _graph.Outputs.Find(o => ReferenceEquals(o.Value, m))?.Name ?? m.Name)] : [];

    /// <summary>Whether an output belongs to another iteration than the one that is lowered.</summary>
    private bool IsLaterMember(Value output) => _shared.TryGetValue(output, out Value? first) && _members.ContainsKey(first);

    /// <summary>The format that the matrix engine multiplies in.</summary>
    public ElementType MatrixFormat => MatrixFormatOf(_precision);

    public static ElementType MatrixFormatOf(Precision precision) => precision == Precision.BF16 ? ElementType.BF16 : ElementType.F32;

    /// <summary>The value whose bytes hold this one: what a chain of reshapes, or an append to a cache, started from.</summary>
    public static Value Root(Value value)
    {
        while (value.Producer is { Op: Reshape or CacheAppend } same)
        {
            value = same.Inputs[0];
        }
        return value;
    }

    private StateDescription Describe(GraphState state)
    {
        Node append = state.Next.Producer!;
        var op = (CacheAppend)append.Op;
        // The widest window counts: what one reader must see is kept for all.
        long[] windows = [.. _uses.GetValueOrDefault(state.Next, []).Select(n => n.Op is CachedAttention a ? a.Window : 0)];
        return new(op.Circular ? StateMode.Circular : op.Paged ? StateMode.Paged : StateMode.Append, append.Inputs[2].Name, op.New.Split(append.Inputs[1].Type.Shape.AsSpan()).Sequence, windows.Contains(0) ? 0 : windows.DefaultIfEmpty(0).Max()) { Positions = op.Positions };
    }

    /// <summary>The storage format.</summary>
    public ElementType Format(Value value)
    {
        Value root = Holder(value);
        if (!_formats.TryGetValue(root, out ElementType format))
        {
            // What is handed from iteration to iteration may lead back here.
            _formats[root] = root.Type.Element;
            _formats[root] = format = root.Type.Element == ElementType.F32 && MatrixFormat != ElementType.F32 && OnlyMultiplied(root) ? MatrixFormat : root.Type.Element;
        }
        return format;
    }

    /// <summary>Where a value lies.</summary>
    public ValuePlace Place(Value value) => Resident(value) ?? ValuePlace.Of(Tensor(value));

    /// <summary>The place of a value that stays in ASP; null for one in DRAM.</summary>
    public ValuePlace? Resident(Value value) => _resident.GetValueOrDefault(Holder(value));

    /// <summary>Keeps a value in a buffer, from its production to its last use.</summary>
    public void Keep(Value value, TileBuffer buffer) => _resident[Holder(value)] = new ValuePlace(Format(value), null, buffer);

    /// <summary>
    /// The DRAM tensor of a value that is not resident, declared at the first request; constants lie in the weight section.
    /// Only DRAM has tables of gathers and what scatters write; everything else asks for the <see cref="Place"/>.
    /// </summary>
    public DramTensor Tensor(Value value)
    {
        Value root = Holder(value);
        if (_resident.ContainsKey(root))
        {
            throw new InvalidOperationException($"{root.Name} is resident and has no tensor in DRAM");
        }
        if (_tensors.TryGetValue(root, out DramTensor? tensor))
        {
            return tensor;
        }
        tensor = root.ConstantData is { } data
            ? new DramTensor(root.Name, null, data.Type, [.. root.Type.Shape]) { Blob = _program.Weights.Constant(data, data.Type) }
            : new DramTensor(ScratchName(root.Name), TensorKind.Scratch, Format(root), [.. root.Type.Shape]);
        Declare(root, tensor);
        return tensor;
    }

    /// <summary>Values of the graph have names of their own; only the outputs of the model may take one of them.</summary>
    private string ScratchName(string name)
    {
        while (_graph.Outputs.Exists(o => o.Name == name))
        {
            name = _graph.UniqueName(name);
        }
        return name;
    }

    /// <summary>Outputs whose bytes belong to an input, a constant or another output: they must be copied.</summary>
    public IEnumerable<(Value Source, DramTensor Target)> CopiedOutputs()
    {
        var served = new HashSet<Value>();
        foreach (GraphOutput output in _graph.Outputs)
        {
            Value root = Holder(output.Value);
            if (!IsLaterMember(output.Value) && (root.Producer is null || !served.Add(root)))
            {
                DramTensor target = OutputTensor(output);
                _program.Tensors.Add(target);
                yield return (output.Value, target);
            }
        }
    }

    /// <summary>Whether any node of a set's outside, or the caller of the model, reads the value or an alias of it.</summary>
    public bool IsReadOutside(Value value, HashSet<Node> nodes)
    {
        Value root = Holder(value);
        return _carried.Contains(root) || _aliases.GetValueOrDefault(root, [root]).Exists(alias =>
            _graph.IsOutput(alias) || _uses.GetValueOrDefault(alias, []).Exists(user => user.Op is not Reshape && !nodes.Contains(_lowered.GetValueOrDefault(user, user))));
    }

    private static DramTensor OutputTensor(GraphOutput output) =>
        new(output.Name, TensorKind.Output, output.Value.Type.Element, [.. output.Value.Type.Shape]);

    private void Declare(Value root, DramTensor tensor)
    {
        // Tensor names are symbols of the binary; a model may use one name for an input and an output.
        _tensors[root] = tensor;
        _program.Tensors.Add(tensor);
    }

    /// <summary>True when every reader, through aliases and movement, is a matrix product.</summary>
    private bool OnlyMultiplied(Value root)
    {
        if (root.Producer is null)
        {
            return false;
        }
        foreach (Value alias in _aliases.GetValueOrDefault(root, [root]))
        {
            if (_graph.IsOutput(alias))
            {
                return false;
            }
            foreach (Node user in _uses.GetValueOrDefault(alias, []))
            {
                bool multiplied = user.Op switch
                {
                    Linear => ReferenceEquals(user.Inputs[0], alias) && !user.Inputs.Skip(1).Any(i => ReferenceEquals(i, alias)),
                    ExpertLinear => ReferenceEquals(user.Inputs[0], alias) && !user.Inputs.Skip(1).Any(i => ReferenceEquals(i, alias)),
                    MatMul => true,
                    Attention => !user.Inputs.Skip(3).Any(i => ReferenceEquals(i, alias)),
                    CachedAttention => ReferenceEquals(user.Inputs[0], alias),
                    CacheAppend => ReferenceEquals(user.Inputs[1], alias) && user.Output.Type.Element == MatrixFormat,
                    Conv => ReferenceEquals(user.Inputs[0], alias) && !user.Inputs.Skip(1).Any(i => ReferenceEquals(i, alias)),
                    Reshape => true,
                    Transpose or Slice or Concat or Broadcast => Format(user.Output) == MatrixFormat,
                    _ => false,
                };
                if (!multiplied)
                {
                    return false;
                }
            }
        }
        return _uses.ContainsKey(root);
    }
}
