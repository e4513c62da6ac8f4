using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>The rows that gather and scatter address: indices in ASP, negative ones counted from the end of the table.</summary>
internal readonly unsafe ref struct TableIndex
{
    private readonly byte* _indices;
    private readonly ElementType _format;
    private readonly int _tableRows;

    public TableIndex(byte* indices, ElementType format, int tableRows)
    {
        _indices = indices;
        _format = format;
        _tableRows = tableRows;
    }

    public static void CheckFormat(ElementType format, string mnemonic)
    {
        if (!format.IsInteger())
        {
            throw new TrapSignal(TrapKind.IllegalInstruction, $"{mnemonic} by indices of format {format.Name()}");
        }
    }

    /// <summary>Read one at a time: a destination that covers the indices must not slip an unchecked one in.</summary>
    public long Row(int position)
    {
        Span<long> index = stackalloc long[1];
        RowConversion.ReadIntegers(_format, _indices + ((long)position * _format.Size()), index);
        long row = index[0] < 0 ? index[0] + _tableRows : index[0];
        return row >= 0 && row < _tableRows ? row
            : throw new TrapSignal(TrapKind.GatherIndex, FormattableString.Invariant($"index {index[0]} at position {position}, in a table of {_tableRows} rows"));
    }
}
