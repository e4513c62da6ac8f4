using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Isolation;

namespace TransformerCc.Verification.TileEvaluation;

/// <summary>The buffers, tensors and weights of a tile program, each in memory of its own.</summary>
internal sealed class TileMemory
{
    /// <summary>Bytes of panels that are kept: every tile of rows asks for the same again.</summary>
    private const long KeptPanels = 256L << 20;

    private readonly TileProgram _program;
    private readonly Dictionary<string, long> _symbols;
    private readonly Dictionary<TileBuffer, MemoryBlock> _buffers = [];
    private readonly Dictionary<DramTensor, MemoryBlock> _tensors = [];
    private readonly Dictionary<WeightPiece, MemoryBlock> _constants = [];
    private readonly Dictionary<long, WeightPiece> _pieces;
    private readonly Dictionary<WeightPiece, byte[]> _panels = [];
    private long _panelBytes;

    /// <summary>Inside a loop of layers, the tensor that each one stands for.</summary>
    private readonly Dictionary<DramTensor, DramTensor> _current = [];

    /// <param name="symbols">Values of dimensions, loop variables and named values, as they change.</param>
    public TileMemory(TileProgram program, IReadOnlyDictionary<string, Tensor> inputs, Dictionary<string, long> symbols)
    {
        (_program, _symbols) = (program, symbols);
        // Pieces without a byte share the place of the next one.
        _pieces = program.Weights.Pieces.Where(p => p.Bytes > 0).ToDictionary(p => p.Offset);
        foreach (DramTensor tensor in program.Tensors.Where(t => t.Kind is not null))
        {
            MemoryBlock block = Memory.Add(tensor.ToString(), tensor.Shape.Aggregate((long)tensor.Type.Size(), (bytes, d) => checked(bytes * Value(d))));
            _tensors[tensor] = block;
            if (tensor.Kind == TensorKind.Input)
            {
                inputs[tensor.Name].Data.Span.CopyTo(block.Bytes);
                block.MarkWritten(0, block.Length);
            }
        }
        foreach (TileBuffer slot in program.Ring)
        {
            _buffers[slot] = Memory.Add(slot.ToString(), slot.Bytes);
        }
    }

    public IsolatedMemory Memory { get; } = new();

    public long Value(DimExpr expression) => expression.ConstantValue ?? expression.Evaluate(_symbols);

    /// <summary>The buffers of a block that begins: they hold nothing.</summary>
    public void Enter(TileBlock block)
    {
        foreach (TileBuffer buffer in block.Buffers)
        {
            if (_buffers.TryGetValue(buffer, out MemoryBlock? known))
            {
                known.Forget();
            }
            else
            {
                _buffers[buffer] = Memory.Add(buffer.ToString(), buffer.Bytes);
            }
        }
    }

    /// <summary>Chooses the tensor of an iteration.</summary>
    public void Choose(TileAddress address)
    {
        string name = address.Tensor.Members[checked((int)Value(address.Iteration))];
        _current[address.Tensor] = _program.Tensors.Find(t => t.Kind == address.Tensor.Kind && t.Name == name)
            ?? throw new InvalidOperationException($"a loop of layers refers to the tensor {name}, which the program does not declare");
    }

    public MemoryBlock Buffer(TileBuffer buffer) => _buffers[buffer];

    public long Address(TileBuffer buffer, DimExpr offset) => Buffer(buffer).Address + Value(offset);

    public long Address(DramOperand operand) =>
        (operand.Tensor.Blob is { } blob ? Constant(blob, operand.Tensor.Name) : _tensors[_current.GetValueOrDefault(operand.Tensor, operand.Tensor)]).Address + Value(operand.Offset);

    /// <summary>The panel that a load of weights means: in a loop of layers, or of experts, another than the one it names.</summary>
    public ReadOnlySpan<byte> Panel(PanelOperand operand)
    {
        WeightPiece piece = Piece(operand.Panel, operand.Shift);
        if (!_panels.TryGetValue(piece, out byte[]? bytes))
        {
            if (_panelBytes > KeptPanels)
            {
                _panels.Clear();
                _panelBytes = 0;
            }
            _panels[piece] = bytes = PieceBytes.Of(piece);
            _panelBytes += bytes.Length;
        }
        return bytes;
    }

    private WeightPiece Piece(WeightPiece named, DimExpr shift)
    {
        long offset = named.Offset + Value(shift);
        return _pieces.GetValueOrDefault(offset) ?? throw new InstructionFaultException(FormattableString.Invariant($"no piece of the weights begins at {offset}"), readsUnwritten: false);
    }

    /// <summary>A tensor's bytes; null where a byte was never written.</summary>
    public Tensor? Read(DramTensor tensor)
    {
        MemoryBlock block = _tensors[tensor];
        return block.FirstUnwritten(0, block.Length) is null ? new Tensor(tensor.Type, [.. tensor.Shape.Select(Value)], block.Bytes.ToArray()) : null;
    }

    /// <param name="name">The tensor's, for diagnostics.</param>
    private MemoryBlock Constant(ConstantBlob named, string name)
    {
        if (named.Bytes > Array.MaxLength)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6039",
                $"tile programs are not evaluated with a constant of {named.Bytes} bytes: up to {Array.MaxLength} can be held", $"tensor {name}",
                "verify with goldens, which look at the outputs alone: --cases DIR"), FailureKind.DoesNotFit);
        }
        WeightPiece piece = named.Segment is { } segment && named.Bytes > 0 ? Piece(named, segment.Distance) : named;
        if (!_constants.TryGetValue(piece, out MemoryBlock? block))
        {
            _constants[piece] = block = Memory.Add($"constant of {piece.Bytes} bytes", piece.Bytes);
            PieceBytes.Of(piece).CopyTo(block.Bytes);
            block.MarkWritten(0, block.Length);
        }
        return block;
    }
}
