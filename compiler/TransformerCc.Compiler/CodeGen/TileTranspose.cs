using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// Transposes matrices of 1-, 2- or 4-byte elements in square tiles of 16 bytes: log2(n) rounds of interleaving row i with
/// row i + n/2 turn the rows of an n × n tile into its columns.
/// </summary>
internal static class TileTranspose
{
    /// <summary>target[c, r] = source[r, c] for rows · columns elements; both strides in elements.</summary>
    public static void Run<T>(ReadOnlySpan<T> source, long sourceStride, Span<T> target, long targetStride, int rows, int columns) where T : unmanaged
    {
        int tile = Vector128<T>.Count;
        int wholeRows = IsFast<T>() ? rows / tile * tile : 0, wholeColumns = wholeRows == 0 ? 0 : columns / tile * tile;
        Span<Vector128<T>> a = stackalloc Vector128<T>[16], b = stackalloc Vector128<T>[16];
        for (int r = 0; r < wholeRows; r += tile)
        {
            for (int c = 0; c < wholeColumns; c += tile)
            {
                for (int i = 0; i < tile; i++)
                {
                    a[i] = Vector128.Create(source.Slice((int)(((r + i) * sourceStride) + c), tile));
                }
                Span<Vector128<T>> columnsOfTile = Tile(a, b);
                for (int i = 0; i < tile; i++)
                {
                    columnsOfTile[i].CopyTo(target[(int)(((c + i) * targetStride) + r)..]);
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

    /// <summary>The transposed tile, in one of the two; it is destroyed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Span<Vector128<T>> Tile<T>(Span<Vector128<T>> a, Span<Vector128<T>> b) where T : unmanaged
    {
        int n = Vector128<T>.Count;
        for (int round = n; round > 1; round /= 2)
        {
            for (int i = 0; i < n / 2; i++)
            {
                b[2 * i] = Low(a[i], a[i + (n / 2)]);
                b[(2 * i) + 1] = High(a[i], a[i + (n / 2)]);
            }
            Span<Vector128<T>> done = b;
            b = a;
            a = done;
        }
        return a;
    }

    private static bool IsFast<T>() => (Sse2.IsSupported || AdvSimd.Arm64.IsSupported) && Unsafe.SizeOf<T>() is 1 or 2 or 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> Low<T>(Vector128<T> x, Vector128<T> y) where T : unmanaged => Unsafe.SizeOf<T>() switch
    {
        1 => (Sse2.IsSupported ? Sse2.UnpackLow(x.AsByte(), y.AsByte()) : AdvSimd.Arm64.ZipLow(x.AsByte(), y.AsByte())).As<byte, T>(),
        2 => (Sse2.IsSupported ? Sse2.UnpackLow(x.AsUInt16(), y.AsUInt16()) : AdvSimd.Arm64.ZipLow(x.AsUInt16(), y.AsUInt16())).As<ushort, T>(),
        _ => (Sse2.IsSupported ? Sse2.UnpackLow(x.AsUInt32(), y.AsUInt32()) : AdvSimd.Arm64.ZipLow(x.AsUInt32(), y.AsUInt32())).As<uint, T>(),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> High<T>(Vector128<T> x, Vector128<T> y) where T : unmanaged => Unsafe.SizeOf<T>() switch
    {
        1 => (Sse2.IsSupported ? Sse2.UnpackHigh(x.AsByte(), y.AsByte()) : AdvSimd.Arm64.ZipHigh(x.AsByte(), y.AsByte())).As<byte, T>(),
        2 => (Sse2.IsSupported ? Sse2.UnpackHigh(x.AsUInt16(), y.AsUInt16()) : AdvSimd.Arm64.ZipHigh(x.AsUInt16(), y.AsUInt16())).As<ushort, T>(),
        _ => (Sse2.IsSupported ? Sse2.UnpackHigh(x.AsUInt32(), y.AsUInt32()) : AdvSimd.Arm64.ZipHigh(x.AsUInt32(), y.AsUInt32())).As<uint, T>(),
    };
}
