using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Timing;

/// <summary>What an instruction moves, from its footprint.</summary>
internal struct AccessTotals : IAccessSink
{
    /// <summary>Bytes of a DRAM burst, and what opening a row of a transfer costs in bytes of bandwidth.</summary>
    public const long BurstBytes = 64, RowOverheadBytes = 32;

    private long _dram, _dramCharge, _asp, _wsp, _acc;

    /// <summary>Bytes of DRAM read or written.</summary>
    public readonly long Dram => _dram;

    /// <summary>Σ rows (⌈bytes / 64⌉·64 + 32): the bandwidth that these bytes take.</summary>
    public readonly long DramCharge => _dramCharge;

    public readonly long Asp => _asp;

    public readonly long Wsp => _wsp;

    public readonly long Acc => _acc;

    public readonly long Scratch => _asp + _wsp + _acc;

    public void Access(MemorySpace space, long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment)
    {
        if (rows <= 0 || rowBytes <= 0)
        {
            return;
        }
        long bytes = rows * rowBytes;
        switch (space)
        {
            case MemorySpace.Asp:
                _asp += bytes;
                break;
            case MemorySpace.Wsp:
                _wsp += bytes;
                break;
            case MemorySpace.Acc:
                _acc += bytes;
                break;
            default:
                _dram += bytes;
                // Rows that follow each other without a gap are one.
                (long runs, long run) = rowStride == rowBytes ? (1, bytes) : (rows, rowBytes);
                _dramCharge += runs * (((run + BurstBytes - 1) / BurstBytes * BurstBytes) + RowOverheadBytes);
                break;
        }
    }
}
