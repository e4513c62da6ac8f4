using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Isolation;

namespace TransformerCc.Verification.TileEvaluation;

/// <summary>
/// The meaning of a tile program: its statements in program order on buffers that each have memory of their own. What an
/// instruction computes is the runtime's; where operands lie, which layer or expert is meant, how loops run and what weights
/// look like is found here from the tile program alone, without memory plan, registers, parameters or a binary. So the same
/// program must give the same bits here and as a binary, or one of those is wrong.
/// </summary>
public sealed class TileEvaluator
{
    private readonly TileProgram _program;
    private readonly Dictionary<string, long> _symbols;
    private readonly TileMemory _memory;
    private readonly InstructionUnit _unit;

    private TileEvaluator(TileProgram program, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions, IInstructionObserver? observer)
    {
        _program = program;
        _symbols = dimensions.ToDictionary(StringComparer.Ordinal);
        _memory = new TileMemory(program, inputs, _symbols);
        _unit = new InstructionUnit(program.Chip, _memory.Memory, observer);
    }

    /// <summary>The outputs by name. Caches begin empty.</summary>
    /// <param name="inputs">All of them: see <see cref="Compiler.GraphIR.Evaluation.GraphEvaluator.Inputs"/>.</param>
    /// <param name="dimensions">Every dimension of the program.</param>
    /// <exception cref="DiagnosticException">
    /// TCC6030: something is read that nothing has written. TCC6031: a statement cannot be executed. TCC6032: an output is incomplete.
    /// </exception>
    public static IReadOnlyDictionary<string, Tensor> Evaluate(
        TileProgram program, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions, IInstructionObserver? observer = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        var evaluator = new TileEvaluator(program, inputs, dimensions, observer);
        evaluator.Run(program.Body);
        return program.Tensors.Where(t => t.Kind == TensorKind.Output).ToDictionary(t => t.Name, t => evaluator._memory.Read(t)
            ?? throw new DiagnosticException(Diagnostic.Error("TCC6032", $"the tile program leaves bytes of the output \"{t.Name}\" unwritten"), FailureKind.Failed), StringComparer.Ordinal);
    }

    private void Run(TileBlock block)
    {
        _memory.Enter(block);
        foreach (TileNode node in block.Nodes)
        {
            switch (node)
            {
                case TileLet let:
                    _symbols[let.Name] = _memory.Value(let.Value);
                    break;
                case TileAddress address:
                    _memory.Choose(address);
                    break;
                case TileLoop loop:
                    long count = _memory.Value(loop.Count);
                    for (long i = 0; i < count; i++)
                    {
                        _symbols[loop.Variable] = i;
                        Run(loop.Body);
                    }
                    break;
                case TileStatement statement:
                    Run(statement);
                    break;
            }
        }
    }

    private void Run(TileStatement statement)
    {
        try
        {
            if (statement.Find("src") is PanelOperand panel)
            {
                LoadWeights(statement, panel);
            }
            else if (statement.Find("dst") is DefinitionOperand definition)
            {
                _symbols[definition.Name] = LoadScalar(statement);
            }
            else if (statement.Kind.Info.Family != "sync")
            {
                var reader = new TileOperandReader(statement, _memory, _unit.Registers);
                _unit.Execute(statement.Kind.Read(ref reader) with { Tag = statement.Tag });
            }
        }
        catch (InstructionFaultException fault)
        {
            throw new DiagnosticException(Fault(statement, fault.Message, fault.ReadsUnwritten), FailureKind.Failed);
        }
    }

    private void LoadWeights(TileStatement statement, PanelOperand panel)
    {
        ReadOnlySpan<byte> bytes = _memory.Panel(panel);
        (ScratchOperand dst, long count) = ((ScratchOperand)statement.Find("dst")!, _memory.Value(((DimOperand)statement.Find("bytes")!).Value));
        MemoryBlock slot = _memory.Buffer(dst.Buffer);
        long offset = _memory.Value(dst.Offset);
        if (count != bytes.Length || offset < 0 || count > slot.Length - offset)
        {
            throw new InstructionFaultException(FormattableString.Invariant($"it loads {count} bytes of a panel of {bytes.Length} to {slot.Name} of {slot.Length} bytes from {offset} on"), readsUnwritten: false);
        }
        bytes.CopyTo(slot.Bytes[(int)offset..]);
        slot.MarkWritten((int)offset, bytes.Length);
    }

    private long LoadScalar(TileStatement statement)
    {
        (ScratchOperand source, ElementType format) = ((ScratchOperand)statement.Find("address")!, ((FormatOperand)statement.Find("format")!).Format.Element);
        MemoryBlock buffer = _memory.Buffer(source.Buffer);
        long offset = _memory.Value(source.Offset);
        if (offset < 0 || offset > buffer.Length - format.Size())
        {
            throw new InstructionFaultException(FormattableString.Invariant($"it reads {buffer.Name} of {buffer.Length} bytes at {offset}"), readsUnwritten: false);
        }
        if (buffer.FirstUnwritten((int)offset, format.Size()) is { } first)
        {
            throw new InstructionFaultException(FormattableString.Invariant($"it reads byte {first} of {buffer.Name}, which nothing has written"), readsUnwritten: true);
        }
        Span<long> value = stackalloc long[1];
        NumericFormat.WidenToInt64(format, buffer.Bytes.Slice((int)offset, format.Size()), value);
        return value[0];
    }

    private Diagnostic Fault(TileStatement statement, string message, bool readsUnwritten)
    {
        DebugEntry source = _program.Debug[statement.Tag];
        string at = string.Join(", ", _symbols.Where(s => statement.Operands.Any(o => Symbols(o.Value).Contains(s.Key))).OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => FormattableString.Invariant($"{s.Key} = {s.Value}")));
        return Diagnostic.Error(readsUnwritten ? "TCC6030" : "TCC6031", $"the tile program cannot be executed: {message}", $"node {source.Node} ({source.Operation}): {statement.Kind.Info.Mnemonic} {string.Join(' ', statement.Operands)}{(at.Length == 0 ? "" : $" at {at}")}");
    }

    private static IEnumerable<string> Symbols(TileOperand operand) => operand switch
    {
        ScratchOperand s => s.Offset.Symbols,
        VectorTile v => v.Offset.Symbols.Concat(v.RowStride.Symbols),
        DramOperand d => d.Offset.Symbols,
        PanelOperand p => p.Shift.Symbols,
        DimOperand d => d.Value.Symbols,
        _ => [],
    };
}
