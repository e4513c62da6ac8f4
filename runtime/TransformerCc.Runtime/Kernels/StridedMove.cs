using System.Runtime.CompilerServices;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>
/// The three-dimensional block move behind load, store and copy:
/// dst[a·, b·, c·] = convert(src[a·, b·, c·]), strides in bytes.
/// </summary>
internal static unsafe class StridedMove
{
    /// <summary>Elements converted at a time.</summary>
    private const int Chunk = 1024;

    public static void CheckCount(EngineContext context, Dim3 count)
    {
        long product = context.Count(count.Outer) * (long)context.Count(count.Middle);
        int inner = context.Count(count.Inner);
        if (inner != 0 && product > EngineContext.MaxElements / inner)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"a block of {product} rows of {inner} elements"));
        }
    }

    public static void Run(EngineContext context, byte* dst, ElementType dstFormat, Dim3 dstStride, byte* src, ElementType srcFormat, Dim3 srcStride, Dim3 count)
    {
        int outer = context.Count(count.Outer), middle = context.Count(count.Middle), inner = context.Count(count.Inner);
        (long da, long db, long dc) = (context.Value(dstStride.Outer), context.Value(dstStride.Middle), context.Value(dstStride.Inner));
        (long sa, long sb, long sc) = (context.Value(srcStride.Outer), context.Value(srcStride.Middle), context.Value(srcStride.Inner));
        int size = dstFormat.Size();
        bool contiguous = dc == size && sc == srcFormat.Size();
        for (int a = 0; a < outer; a++)
        {
            for (int b = 0; b < middle; b++)
            {
                byte* d = dst + (a * da) + (b * db);
                byte* s = src + (a * sa) + (b * sb);
                if (dstFormat != srcFormat)
                {
                    ConvertRow(context, d, dstFormat, dc, s, srcFormat, sc, inner);
                }
                else if (contiguous)
                {
                    System.Buffer.MemoryCopy(s, d, (long)inner * size, (long)inner * size);
                }
                else
                {
                    MoveRow(d, dc, s, sc, inner, size);
                }
            }
        }
    }

    /// <summary>Elements of equal format keep their bits.</summary>
    private static void MoveRow(byte* d, long dc, byte* s, long sc, int count, int size)
    {
        switch (size)
        {
            case 1: MoveRow<byte>(d, dc, s, sc, count); break;
            case 2: MoveRow<ushort>(d, dc, s, sc, count); break;
            case 4: MoveRow<uint>(d, dc, s, sc, count); break;
            default: MoveRow<ulong>(d, dc, s, sc, count); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MoveRow<T>(byte* d, long dc, byte* s, long sc, int count) where T : unmanaged
    {
        for (int c = 0; c < count; c++)
        {
            Unsafe.WriteUnaligned(d + (c * dc), Unsafe.ReadUnaligned<T>(s + (c * sc)));
        }
    }

    /// <summary>Packs a chunk where it is spread, converts it, and spreads it where the target is.</summary>
    private static void ConvertRow(EngineContext context, byte* d, ElementType dstFormat, long dc, byte* s, ElementType srcFormat, long sc, int count)
    {
        byte* packed = stackalloc byte[Chunk * sizeof(long)];
        byte* converted = stackalloc byte[Chunk * sizeof(long)];
        int srcSize = srcFormat.Size(), dstSize = dstFormat.Size();
        for (int done = 0; done < count; done += Chunk)
        {
            int n = int.Min(Chunk, count - done);
            byte* from = s + (done * sc), to = d + (done * dc);
            if (sc != srcSize)
            {
                MoveRow(packed, srcSize, from, sc, n, srcSize);
                from = packed;
            }
            byte* target = dc == dstSize ? to : converted;
            Convert(context, dstFormat, target, srcFormat, from, n);
            if (target == converted)
            {
                MoveRow(to, dc, converted, dstSize, n, dstSize);
            }
        }
    }

    /// <summary>Between integer formats (and bool) exact modulo the width, otherwise by way of f32.</summary>
    public static void Convert(EngineContext context, ElementType dstFormat, byte* dst, ElementType srcFormat, byte* src, int count)
    {
        var source = new ReadOnlySpan<byte>(src, count * srcFormat.Size());
        var target = new Span<byte>(dst, count * dstFormat.Size());
        if (dstFormat == srcFormat)
        {
            source.CopyTo(target);
        }
        else if (IsExact(srcFormat))
        {
            Span<long> values = context.Rows.Longs(0, count);
            NumericFormat.WidenToInt64(srcFormat, source, values);
            NumericFormat.NarrowFromInt64(dstFormat, values, target);
        }
        else
        {
            Span<float> values = context.Rows.Floats(0, count);
            NumericFormat.WidenToF32(srcFormat, source, values);
            NumericFormat.NarrowFromF32(dstFormat, values, target);
        }
    }

    private static bool IsExact(ElementType format) => format.IsInteger() || format == ElementType.Bool;
}
