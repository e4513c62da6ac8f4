using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Emulation;

/// <summary>The memories of one run.</summary>
internal sealed unsafe class Memories(ScratchMemory scratch, DramMap dram)
{
    public DramMap Dram => dram;

    /// <summary>Bytes of a scratchpad.</summary>
    public long Size(MemorySpace space) => scratch.Size(space);

    /// <summary>Host address of a byte whose access was already checked.</summary>
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
