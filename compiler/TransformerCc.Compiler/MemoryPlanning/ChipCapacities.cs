using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Compiler.MemoryPlanning;

internal static class ChipCapacities
{
    /// <summary>Bytes of a memory.</summary>
    public static long Capacity(this ChipDescription chip, MemorySpace space) => space switch
    {
        MemorySpace.Asp => chip.Memory.AspBytes,
        MemorySpace.Acc => chip.Memory.AccBytes,
        MemorySpace.Wsp => chip.Memory.WspBytes,
        _ => chip.Memory.DramBytes,
    };
}
