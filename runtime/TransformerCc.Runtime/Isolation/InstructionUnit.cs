using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Kernels;

namespace TransformerCc.Runtime.Isolation;

/// <summary>An instruction cannot be executed on the memory that it was given.</summary>
/// <param name="readsUnwritten">It reads what nothing has written.</param>
public sealed class InstructionFaultException(string message, bool readsUnwritten) : Exception(message)
{
    public bool ReadsUnwritten => readsUnwritten;
}

/// <summary>
/// Executes single instructions of the engines, without a program, a chip's memories or semaphores around them: only what an
/// instruction computes, on blocks of memory that lie alone. An access that leaves its block, or reads what nothing wrote, is a fault.
/// </summary>
public sealed class InstructionUnit
{
    private readonly IsolatedMemory _memory;
    private readonly EngineContext _context;
    private readonly InstructionObservation? _observation;
    private readonly List<(MemoryBlock Block, int Offset, long Rows, long Stride, int Bytes)> _writes = [];

    public InstructionUnit(ChipDescription chip, IsolatedMemory memory, IInstructionObserver? observer = null)
    {
        _memory = memory;
        _context = new EngineContext(memory, chip, new Statistics(), new TableRows(this));
        _observation = observer is null ? null : new InstructionObservation(observer, _context);
    }

    /// <summary>Operands: addresses of blocks, counts, strides.</summary>
    public Span<long> Registers => _context.Registers;

    /// <exception cref="InstructionFaultException">Why it cannot be executed.</exception>
    public void Execute(Instruction instruction)
    {
        _writes.Clear();
        try
        {
            var sink = new Sink(this, isIndexed: instruction is Gather or Scatter);
            instruction.Footprint(_context.Registers, ref sink);
            EngineDispatch.Execute(_context, instruction);
        }
        catch (TrapSignal trap)
        {
            throw new InstructionFaultException(trap.Message, readsUnwritten: false);
        }
        foreach ((MemoryBlock block, int offset, long rows, long stride, int bytes) in _writes)
        {
            for (long r = 0; r < rows; r++)
            {
                block.MarkWritten((int)(offset + (r * stride)), bytes);
            }
        }
        _observation?.Executed(instruction);
    }

    private void Access(long address, long rows, long stride, long bytes, bool isWrite, bool isData)
    {
        if (rows == 0 || bytes == 0)
        {
            return;
        }
        long offset = address;
        if (rows is < 0 or > AccessCheck.Limit || bytes is < 0 or > AccessCheck.Limit || stride is < 0 or > AccessCheck.Limit)
        {
            throw new InstructionFaultException(FormattableString.Invariant($"an access of {rows} rows of {bytes} bytes, {stride} bytes apart"), readsUnwritten: false);
        }
        if (_memory.Find(address) is not { } block || (offset -= block.Address) < 0 || bytes > block.Length - offset || (rows > 1 && stride > 0 && rows - 1 > (block.Length - offset - bytes) / stride))
        {
            string where = _memory.Find(address) is { } near ? FormattableString.Invariant($"{near.Name} of {near.Length} bytes from {offset} on") : "no buffer";
            throw new InstructionFaultException(FormattableString.Invariant($"it {(isWrite ? "writes" : "reads")} {rows} rows of {bytes} bytes, {stride} bytes apart, outside of {where}"), readsUnwritten: false);
        }
        if (isData)
        {
            return;
        }
        if (stride == bytes)
        {
            (rows, bytes) = (1, rows * bytes);
        }
        rows = stride == 0 ? 1 : rows;
        if (isWrite)
        {
            _writes.Add((block, (int)offset, rows, stride, (int)bytes));
            return;
        }
        for (long r = 0; r < rows; r++)
        {
            if (block.FirstUnwritten((int)(offset + (r * stride)), (int)bytes) is { } first)
            {
                throw new InstructionFaultException(FormattableString.Invariant($"it reads byte {first} of {block.Name}, which nothing has written"), readsUnwritten: true);
            }
        }
    }

    private readonly struct Sink(InstructionUnit unit, bool isIndexed) : IAccessSink
    {
        public void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment)
        {
            if (rows > 0 && rowBytes > 0 && (address % alignment != 0 || (rows > 1 && rowStride % alignment != 0)))
            {
                throw new InstructionFaultException(FormattableString.Invariant($"a place or a distance of rows ({rowStride}) is not a multiple of {alignment} bytes"), readsUnwritten: false);
            }
            unit.Access(address, rows, rowStride, rowBytes, isWrite, isData: isIndexed && space == MemorySpace.Dram);
        }
    }

    /// <summary>The rows that a gather or a scatter really touches.</summary>
    private sealed class TableRows(InstructionUnit unit) : ITableRowSink
    {
        public void TableRow(long address, long bytes, bool isWrite) => unit.Access(address, 1, 0, bytes, isWrite, isData: false);
    }
}
