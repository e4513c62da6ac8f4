using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Instructions;

/// <summary>Resolves register operands and reports accesses; the helper that <c>Footprint</c> methods are written with.</summary>
internal readonly ref struct FootprintBuilder<TSink>(ReadOnlySpan<long> registers, ref TSink sink) where TSink : struct, IAccessSink
{
    private readonly ReadOnlySpan<long> _registers = registers;
    private readonly ref TSink _sink = ref sink;

    public long Value(Dim d) => d.Resolve(_registers);

    public long Value(ScratchAddress a) => _registers[a.Base.Index] + a.Offset;

    public long Value(DramAddress a) => _registers[a.Base.Index] + a.Offset;

    /// <summary>Bytes of a row of weights; negative, and so refused, where the count is no dimension.</summary>
    public static long RowBytes(WeightFormat format, long elements) => elements is >= 0 and <= Dim.MaxImmediate ? format.RowBytes(elements) : -1;

    /// <summary>rows rectangles of rowBytes, rowStride apart.</summary>
    public void Block(ScratchAddress a, long rows, long rowStride, long rowBytes, bool isWrite, long alignment) =>
        _sink.Access(a.Space, Value(a), rows, rowStride, rowBytes, isWrite, alignment);

    public void Dram(long address, long rows, long rowStride, long rowBytes, bool isWrite, long alignment) =>
        _sink.Access(MemorySpace.Dram, address, rows, rowStride, rowBytes, isWrite, alignment);

    public void Vector(VectorOperand o, long rows, long columns, bool isWrite)
    {
        long size = o.Format.Size();
        bool single = o.ColumnStride == 0 || columns == 1;
        long stride = Value(o.RowStride);
        // Rows repeated by stride 0 are one access.
        _sink.Access(o.Address.Space, Value(o.Address), columns == 0 ? 0 : stride == 0 ? long.Min(rows, 1) : rows, stride, single ? size : columns * size, isWrite,
            single ? size : o.Address.Space == MemorySpace.Acc ? 512 : 64);
    }
}
