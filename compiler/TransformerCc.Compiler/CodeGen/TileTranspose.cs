using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// Transposes matrices of 1-, 2- or 4-byte elements in square tiles whose rows are vectors of 16 bytes: log2(n) rounds of
/// interleaving row i with row i + n/2 turn the rows of an n × n tile into its columns. Tiles are taken in squares of 64
/// bytes, so that whole cache lines are read and written. Everything is optimised at the first call: most of a model is
/// written before a tiered runtime would notice.
/// </summary>
internal static class TileTranspose
{
    private const int LineBytes = 64;

    /// <summary>target[c, r] = source[r, c] for rows · columns elements; both strides in elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(ReadOnlySpan<T> source, long sourceStride, Span<T> target, long targetStride, int rows, int columns) where T : unmanaged
    {
        int tile = Vector128<T>.Count, square = LineBytes / Unsafe.SizeOf<T>();
        int wholeRows = IsFast<T>() ? rows / tile * tile : 0, wholeColumns = wholeRows == 0 ? 0 : columns / tile * tile;
        if (wholeRows > 0 && wholeColumns > 0)
        {
            // The tiles are loaded and stored without checks of their own.
            _ = source[checked((int)(((wholeRows - 1) * sourceStride) + wholeColumns - 1))];
            _ = target[checked((int)(((wholeColumns - 1) * targetStride) + wholeRows - 1))];
        }
        ref T from = ref MemoryMarshal.GetReference(source), to = ref MemoryMarshal.GetReference(target);
        for (int r0 = 0; r0 < wholeRows; r0 += square)
        {
            for (int c0 = 0; c0 < wholeColumns; c0 += square)
            {
                for (int r = r0; r < int.Min(r0 + square, wholeRows); r += tile)
                {
                    for (int c = c0; c < int.Min(c0 + square, wholeColumns); c += tile)
                    {
                        Tile(ref Unsafe.Add(ref from, (nint)((r * sourceStride) + c)), (nuint)sourceStride, ref Unsafe.Add(ref to, (nint)((c * targetStride) + r)), (nuint)targetStride);
                    }
                }
            }
        }
        Plain(source, sourceStride, target, targetStride, 0, wholeRows, wholeColumns, columns);
        Plain(source, sourceStride, target, targetStride, wholeRows, rows, 0, columns);
    }

    private static void Plain<T>(ReadOnlySpan<T> source, long sourceStride, Span<T> target, long targetStride, int firstRow, int rows, int firstColumn, int columns) where T : unmanaged
    {
        for (int r = firstRow; r < rows; r++)
        {
            for (int c = firstColumn; c < columns; c++)
            {
                target[(int)((c * targetStride) + r)] = source[(int)((r * sourceStride) + c)];
            }
        }
    }

    private static void Tile<T>(ref T from, nuint stride, ref T to, nuint step) where T : unmanaged
    {
        switch (Unsafe.SizeOf<T>())
        {
            case 1: Tile16(ref from, stride, ref to, step); break;
            case 2: Tile8(ref from, stride, ref to, step); break;
            default: Tile4(ref from, stride, ref to, step); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile16<T>(ref T from, nuint stride, ref T to, nuint step) where T : unmanaged
    {
        (Vector128<T> a0, Vector128<T> a1) = Zip(Row(ref from, 0 * stride), Row(ref from, 8 * stride));
        (Vector128<T> a2, Vector128<T> a3) = Zip(Row(ref from, 1 * stride), Row(ref from, 9 * stride));
        (Vector128<T> a4, Vector128<T> a5) = Zip(Row(ref from, 2 * stride), Row(ref from, 10 * stride));
        (Vector128<T> a6, Vector128<T> a7) = Zip(Row(ref from, 3 * stride), Row(ref from, 11 * stride));
        (Vector128<T> a8, Vector128<T> a9) = Zip(Row(ref from, 4 * stride), Row(ref from, 12 * stride));
        (Vector128<T> a10, Vector128<T> a11) = Zip(Row(ref from, 5 * stride), Row(ref from, 13 * stride));
        (Vector128<T> a12, Vector128<T> a13) = Zip(Row(ref from, 6 * stride), Row(ref from, 14 * stride));
        (Vector128<T> a14, Vector128<T> a15) = Zip(Row(ref from, 7 * stride), Row(ref from, 15 * stride));
        (Vector128<T> b0, Vector128<T> b1) = Zip(a0, a8);
        (Vector128<T> b2, Vector128<T> b3) = Zip(a1, a9);
        (Vector128<T> b4, Vector128<T> b5) = Zip(a2, a10);
        (Vector128<T> b6, Vector128<T> b7) = Zip(a3, a11);
        (Vector128<T> b8, Vector128<T> b9) = Zip(a4, a12);
        (Vector128<T> b10, Vector128<T> b11) = Zip(a5, a13);
        (Vector128<T> b12, Vector128<T> b13) = Zip(a6, a14);
        (Vector128<T> b14, Vector128<T> b15) = Zip(a7, a15);
        (a0, a1) = Zip(b0, b8);
        (a2, a3) = Zip(b1, b9);
        (a4, a5) = Zip(b2, b10);
        (a6, a7) = Zip(b3, b11);
        (a8, a9) = Zip(b4, b12);
        (a10, a11) = Zip(b5, b13);
        (a12, a13) = Zip(b6, b14);
        (a14, a15) = Zip(b7, b15);
        Store(Zip(a0, a8), ref to, 0, step);
        Store(Zip(a1, a9), ref to, 2, step);
        Store(Zip(a2, a10), ref to, 4, step);
        Store(Zip(a3, a11), ref to, 6, step);
        Store(Zip(a4, a12), ref to, 8, step);
        Store(Zip(a5, a13), ref to, 10, step);
        Store(Zip(a6, a14), ref to, 12, step);
        Store(Zip(a7, a15), ref to, 14, step);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8<T>(ref T from, nuint stride, ref T to, nuint step) where T : unmanaged
    {
        (Vector128<T> a0, Vector128<T> a1) = Zip(Row(ref from, 0 * stride), Row(ref from, 4 * stride));
        (Vector128<T> a2, Vector128<T> a3) = Zip(Row(ref from, 1 * stride), Row(ref from, 5 * stride));
        (Vector128<T> a4, Vector128<T> a5) = Zip(Row(ref from, 2 * stride), Row(ref from, 6 * stride));
        (Vector128<T> a6, Vector128<T> a7) = Zip(Row(ref from, 3 * stride), Row(ref from, 7 * stride));
        (Vector128<T> b0, Vector128<T> b1) = Zip(a0, a4);
        (Vector128<T> b2, Vector128<T> b3) = Zip(a1, a5);
        (Vector128<T> b4, Vector128<T> b5) = Zip(a2, a6);
        (Vector128<T> b6, Vector128<T> b7) = Zip(a3, a7);
        Store(Zip(b0, b4), ref to, 0, step);
        Store(Zip(b1, b5), ref to, 2, step);
        Store(Zip(b2, b6), ref to, 4, step);
        Store(Zip(b3, b7), ref to, 6, step);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4<T>(ref T from, nuint stride, ref T to, nuint step) where T : unmanaged
    {
        (Vector128<T> a0, Vector128<T> a1) = Zip(Row(ref from, 0 * stride), Row(ref from, 2 * stride));
        (Vector128<T> a2, Vector128<T> a3) = Zip(Row(ref from, 1 * stride), Row(ref from, 3 * stride));
        Store(Zip(a0, a2), ref to, 0, step);
        Store(Zip(a1, a3), ref to, 2, step);
    }

    private static bool IsFast<T>() => (Sse2.IsSupported || AdvSimd.Arm64.IsSupported) && Unsafe.SizeOf<T>() is 1 or 2 or 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> Row<T>(ref T from, nuint offset) where T : unmanaged => Vector128.LoadUnsafe(ref from, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<T>((Vector128<T> Low, Vector128<T> High) rows, ref T to, nuint row, nuint step) where T : unmanaged
    {
        rows.Low.StoreUnsafe(ref to, row * step);
        rows.High.StoreUnsafe(ref to, (row + 1) * step);
    }

    /// <summary>x0 y0 x1 y1 …, its first and its second half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<T> Low, Vector128<T> High) Zip<T>(Vector128<T> x, Vector128<T> y) where T : unmanaged
    {
        switch (Unsafe.SizeOf<T>())
        {
            case 1:
                return Sse2.IsSupported
                    ? (Sse2.UnpackLow(x.AsByte(), y.AsByte()).As<byte, T>(), Sse2.UnpackHigh(x.AsByte(), y.AsByte()).As<byte, T>())
                    : (AdvSimd.Arm64.ZipLow(x.AsByte(), y.AsByte()).As<byte, T>(), AdvSimd.Arm64.ZipHigh(x.AsByte(), y.AsByte()).As<byte, T>());
            case 2:
                return Sse2.IsSupported
                    ? (Sse2.UnpackLow(x.AsUInt16(), y.AsUInt16()).As<ushort, T>(), Sse2.UnpackHigh(x.AsUInt16(), y.AsUInt16()).As<ushort, T>())
                    : (AdvSimd.Arm64.ZipLow(x.AsUInt16(), y.AsUInt16()).As<ushort, T>(), AdvSimd.Arm64.ZipHigh(x.AsUInt16(), y.AsUInt16()).As<ushort, T>());
            default:
                return Sse2.IsSupported
                    ? (Sse2.UnpackLow(x.AsUInt32(), y.AsUInt32()).As<uint, T>(), Sse2.UnpackHigh(x.AsUInt32(), y.AsUInt32()).As<uint, T>())
                    : (AdvSimd.Arm64.ZipLow(x.AsUInt32(), y.AsUInt32()).As<uint, T>(), AdvSimd.Arm64.ZipHigh(x.AsUInt32(), y.AsUInt32()).As<uint, T>());
        }
    }
}
