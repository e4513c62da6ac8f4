using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Emulation;

/// <summary>Finds the host's memory behind an address of an instruction.</summary>
internal unsafe interface IHostMemory
{
    /// <summary>Host address of a byte whose access was already checked.</summary>
    byte* Resolve(MemorySpace space, long address);
}

/// <summary>Receives the rows of a table that a gather reads or a scatter writes: which rows are is data.</summary>
internal interface ITableRowSink
{
    void TableRow(long address, long bytes, bool isWrite);
}

/// <summary>The memories of one run.</summary>
internal sealed unsafe class Memories(ScratchMemory scratch, DramMap dram) : IHostMemory
{
    public DramMap Dram => dram;

    /// <summary>Bytes of a scratchpad.</summary>
    public long Size(MemorySpace space) => scratch.Size(space);

    public byte* Resolve(MemorySpace space, long address)
    {
        if (space != MemorySpace.Dram)
        {
            return scratch.Start(space) + address;
        }
        DramSegment segment = dram.Find(address) ?? throw new TrapSignal(TrapKind.OutOfSpace, FormattableString.Invariant($"DRAM address 0x{address:x} lies in no segment"));
        return segment.Memory + (address - segment.Base);
    }
}
