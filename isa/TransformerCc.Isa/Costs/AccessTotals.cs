using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Isa.Costs;

/// <summary>What an instruction moves, from its footprint.</summary>
public struct AccessTotals : IAccessSink
{
    private long _dram, _dramCharge, _asp, _wsp, _acc;

    /// <summary>Bytes of DRAM read or written.</summary>
    public readonly long Dram => _dram;

    /// <summary>The bandwidth that these bytes take: <see cref="TransferCost.Charge"/>.</summary>
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
                _dramCharge += TransferCost.Charge(rows, rowStride, rowBytes);
                break;
        }
    }
}
