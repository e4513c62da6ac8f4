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
/// A reshape moves nothing: its result shares the storage of its operand. Formats: a value that only feeds matrix
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

    public ValueStorage(Graph graph, Precision precision, TileProgram program)
    {
        _graph = graph;
        _precision = precision;
        _program = program;
        _uses = graph.Uses();
        foreach (Node node in graph.Nodes)
        {
            foreach (Value v in node.Outputs)
            {
                Value root = Root(v);
                (_aliases.TryGetValue(root, out List<Value>? list) ? list : _aliases[root] = []).Add(v);
            }
        }
        foreach (Value input in graph.Inputs)
        {
            GraphState? state = graph.States.Find(s => ReferenceEquals(s.Input, input));
            Declare(input, new DramTensor(input.Name, state is null ? TensorKind.Input : TensorKind.State, input.Type.Element, [.. input.Type.Shape])
            {
                Fill = graph.Fills.GetValueOrDefault(input),
                State = state is null ? null : Describe(graph, state),
            });
        }
        foreach (GraphOutput output in graph.Outputs)
        {
            Value root = Root(output.Value);
            if (root.Producer is not null && !_tensors.ContainsKey(root))
            {
                Declare(root, OutputTensor(output));
            }
        }
    }

    /// <summary>The format that the matrix engine multiplies in.</summary>
    public ElementType MatrixFormat => _precision == Precision.BF16 ? ElementType.BF16 : ElementType.F32;

    /// <summary>The value whose bytes hold this one: what a chain of reshapes, or an append to a cache, started from.</summary>
    public static Value Root(Value value)
    {
        while (value.Producer is { Op: Reshape or CacheAppend } same)
        {
            value = same.Inputs[0];
        }
        return value;
    }

    private static StateDescription Describe(Graph graph, GraphState state)
    {
        Node append = state.Next.Producer!;
        var op = (CacheAppend)append.Op;
        // The widest window counts: what one reader must see is kept for all.
        long[] windows = [.. graph.Nodes.Where(n => n.Inputs.Contains(state.Next)).Select(n => n.Op is CachedAttention a ? a.Window : 0)];
        return new(op.Circular ? StateMode.Circular : StateMode.Append, append.Inputs[2].Name, op.New.Split(append.Inputs[1].Type.Shape.AsSpan()).Sequence, windows.Contains(0) ? 0 : windows.DefaultIfEmpty(0).Max()) { Positions = op.Positions };
    }

    /// <summary>The storage format.</summary>
    public ElementType Format(Value value)
    {
        Value root = Root(value);
        if (!_formats.TryGetValue(root, out ElementType format))
        {
            _formats[root] = format = root.Type.Element == ElementType.F32 && MatrixFormat != ElementType.F32 && OnlyMultiplied(root) ? MatrixFormat : root.Type.Element;
        }
        return format;
    }

    /// <summary>Where a value lies.</summary>
    public ValuePlace Place(Value value) => Resident(value) ?? ValuePlace.Of(Tensor(value));

    /// <summary>The place of a value that stays in ASP; null for one in DRAM.</summary>
    public ValuePlace? Resident(Value value) => _resident.GetValueOrDefault(Root(value));

    /// <summary>Keeps a value in a buffer, from its production to its last use.</summary>
    public void Keep(Value value, TileBuffer buffer) => _resident[Root(value)] = new ValuePlace(Format(value), null, buffer);

    /// <summary>
    /// The DRAM tensor of a value that is not resident, declared at the first request; constants lie in the weight section.
    /// Only DRAM has tables of gathers and what scatters write; everything else asks for the <see cref="Place"/>.
    /// </summary>
    public DramTensor Tensor(Value value)
    {
        Value root = Root(value);
        if (_resident.ContainsKey(root))
        {
            throw new InvalidOperationException($"{root.Name} is resident and has no tensor in DRAM");
        }
        if (_tensors.TryGetValue(root, out DramTensor? tensor))
        {
            return tensor;
        }
        tensor = root.ConstantData is { } data
            ? new DramTensor(root.Name, null, data.Type, [.. root.Type.Shape], _program.Weights.Constant(data, data.Type).Offset)
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
            Value root = Root(output.Value);
            if (root.Producer is null || !served.Add(root))
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
        Value root = Root(value);
        return _aliases.GetValueOrDefault(root, [root]).Exists(alias =>
            _graph.IsOutput(alias) || _uses.GetValueOrDefault(alias, []).Exists(user => user.Op is not Reshape && !nodes.Contains(user)));
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
                    Conv => ReferenceEquals(user.Inputs[0], alias),
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
