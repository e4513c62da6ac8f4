using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Emulation;

/// <summary>
/// The values that scalar loads find while no data moves: those of integer inputs whose elements are all the same and
/// given (the past of every sequence), from where a load put them in ASP. Everything else reads as 0 (an expert's number).
/// </summary>
internal sealed class KnownScalars(IReadOnlyList<(long Start, long End, long Value)> dram)
{
    private readonly List<(long Start, long End, long Value)> _asp = [];

    /// <summary>Notes what a load brings; whatever it overwrites is forgotten.</summary>
    public void Loaded(Load load, ReadOnlySpan<long> registers)
    {
        if (load.Dst.Space != MemorySpace.Asp || !load.DstFormat.IsInteger())
        {
            return;
        }
        var written = new Extent();
        load.Footprint(registers, ref written);
        _asp.RemoveAll(known => known.Start < written.End && written.Start < known.End);
        long source = registers[load.Src.Base.Index] + load.Src.Offset;
        foreach ((long start, long end, long value) in dram)
        {
            if (source >= start && source < end)
            {
                _asp.Add((written.Start, written.End, value));
            }
        }
    }

    public long Value(LoadScalar load, ReadOnlySpan<long> registers)
    {
        long address = registers[load.Address.Base.Index] + load.Address.Offset;
        return _asp.Find(known => address >= known.Start && address < known.End).Value;
    }

    /// <summary>The stretch of ASP that an instruction writes.</summary>
    private struct Extent : IAccessSink
    {
        public long Start { get; private set; }

        public long End { get; private set; }

        public void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment)
        {
            if (!isWrite || rows <= 0)
            {
                return;
            }
            long end = address + ((rows - 1) * rowStride) + rowBytes;
            (Start, End) = End == 0 ? (address, end) : (long.Min(Start, address), long.Max(End, end));
        }
    }
}
