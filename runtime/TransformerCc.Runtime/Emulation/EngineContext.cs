using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Emulation;

/// <summary>What the kernels of an instruction see: operands resolved through the registers, and reusable scratch rows.</summary>
internal sealed class EngineContext(IHostMemory memories, ChipDescription chip, Statistics statistics, ITableRowSink? tableRows)
{
    /// <summary>Most elements of one instruction: 128 Mi, more than a scratchpad holds; larger counts would only repeat themselves.</summary>
    public const long MaxElements = 1L << 27;

    public long[] Registers { get; } = new long[Reg.Count];

    public ChipDescription Chip => chip;

    public Statistics Statistics => statistics;

    public ITableRowSink? TableRows => tableRows;

    public IHostMemory Memories => memories;

    public ScratchRows Rows { get; } = new();

    public long Value(Dim d) => d.Resolve(Registers);

    /// <summary>A number of rows, columns or elements: at most 31 bits, like an immediate.</summary>
    public int Count(Dim d) => Count(Value(d));

    /// <summary>Rows and columns of a rectangle of elements.</summary>
    public (int Rows, int Columns) Extent(Dim rows, Dim columns) => Extent(Value(rows), Value(columns));

    public static (int Rows, int Columns) Extent(long rows, long columns)
    {
        (int r, int c) = (Count(rows), Count(columns));
        return (long)r * c <= MaxElements ? (r, c) : throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"{r} rows of {c} elements"));
    }

    private static int Count(long value) =>
        value is >= 0 and <= Dim.MaxImmediate ? (int)value : throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"a count of {value}"));

    /// <summary>Host address of an operand whose access was checked; meaningless, and not used, when nothing is accessed.</summary>
    public unsafe byte* Pointer(ScratchAddress a) => memories.Resolve(a.Space, Registers[a.Base.Index] + a.Offset);

    public unsafe byte* Pointer(DramAddress a) => memories.Resolve(MemorySpace.Dram, Registers[a.Base.Index] + a.Offset);

    public VectorView View(VectorOperand o) => new(this, o);
}

/// <summary>A vector operand in host memory.</summary>
internal readonly unsafe struct VectorView(EngineContext context, VectorOperand operand)
{
    private readonly byte* _base = context.Pointer(operand.Address);
    private readonly long _rowStride = context.Value(operand.RowStride);

    public ElementType Format { get; } = operand.Format;

    public int ElementSize { get; } = operand.Format.Size();

    /// <summary>Column stride 0: one element stands for the whole row.</summary>
    public bool IsSingle { get; } = operand.ColumnStride == 0;

    /// <summary>A row of floats that needs no conversion.</summary>
    public bool IsPlain => Format == ElementType.F32 && !IsSingle;

    public bool IsInteger => Format.IsInteger() || Format == ElementType.Bool;

    public byte* Row(int row) => _base + (row * _rowStride);

    /// <summary>Address of element (row, column).</summary>
    public byte* At(int row, int column) => Row(row) + (IsSingle ? 0 : (long)column * ElementSize);
}

/// <summary>Buffers that grow to the widest row seen and are reused by every instruction.</summary>
internal sealed class ScratchRows
{
    private readonly float[][] _floats = [[], [], [], []];
    private readonly long[][] _longs = [[], [], []];

    private readonly float[][] _pinned = [[], []];

    /// <summary>A block of floats that the garbage collector does not move, for kernels that take pointers.</summary>
    public unsafe float* Pinned(int slot, int count)
    {
        if (_pinned[slot].Length < count)
        {
            _pinned[slot] = GC.AllocateUninitializedArray<float>(count, pinned: true);
        }
        return (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_pinned[slot]));
    }

    public Span<float> Floats(int slot, int count) => Grow(ref _floats[slot], count);

    public Span<long> Longs(int slot, int count) => Grow(ref _longs[slot], count);

    private static Span<T> Grow<T>(ref T[] buffer, int count)
    {
        if (buffer.Length < count)
        {
            buffer = GC.AllocateUninitializedArray<T>(int.Max(count, 256));
        }
        return buffer.AsSpan(0, count);
    }
}
