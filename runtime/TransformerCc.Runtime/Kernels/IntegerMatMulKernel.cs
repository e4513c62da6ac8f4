using System.Numerics;
using System.Runtime.InteropServices;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>mm of 8-bit integers: exact products, sums in int32 that wrap, so the order of additions does not show.</summary>
internal static unsafe class IntegerMatMulKernel
{
    public static bool Multiplies(MatMul i) => i.AFormat is ElementType.I8 or ElementType.U8 && i.WFormat.Element is ElementType.I8 or ElementType.U8;

    /// <summary>Counts are checked and not 0, except k.</summary>
    public static void Run(EngineContext x, MatMul i, int m, int k, int n)
    {
        if ((long)k * n > EngineContext.MaxElements)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"a panel of {k} x {n} elements"));
        }
        int[] panel = Panel(x, i, k, n);
        byte* a = k > 0 ? x.Pointer(i.A) : null, result = x.Pointer(i.Result);
        long aStride = x.Value(i.ARowStride), resultStride = x.Value(i.ResultRowStride);
        for (int row = 0; row < m; row++)
        {
            var sum = new Span<int>(result + (row * resultStride), n);
            if (i.Mode == AccumulateMode.Init)
            {
                sum.Clear();
            }
            for (int j = 0; j < k; j++)
            {
                AddScaled(sum, Widen(i.AFormat, a[(row * aStride) + j]), panel.AsSpan(j * n, n));
            }
        }
    }

    /// <summary>The panel as k rows of n integers.</summary>
    private static int[] Panel(EngineContext x, MatMul i, int k, int n)
    {
        var panel = new int[k * n];
        byte* w = k > 0 ? x.Pointer(i.W) : null;
        long stride = x.Value(i.WRowStride);
        bool isTransposed = i.Layout == PanelLayout.NByK;
        for (int r = 0; r < k; r++)
        {
            for (int c = 0; c < n; c++)
            {
                panel[(r * n) + c] = Widen(i.WFormat.Element, isTransposed ? w[(c * stride) + r] : w[(r * stride) + c]);
            }
        }
        return panel;
    }

    private static int Widen(ElementType format, byte value) => format == ElementType.I8 ? (sbyte)value : value;

    private static void AddScaled(Span<int> sum, int factor, ReadOnlySpan<int> row)
    {
        Span<Vector<int>> sums = MemoryMarshal.Cast<int, Vector<int>>(sum);
        ReadOnlySpan<Vector<int>> rows = MemoryMarshal.Cast<int, Vector<int>>(row);
        for (int v = 0; v < sums.Length; v++)
        {
            sums[v] += rows[v] * factor;
        }
        for (int c = sums.Length * Vector<int>.Count; c < sum.Length; c++)
        {
            sum[c] = unchecked(sum[c] + (row[c] * factor));
        }
    }
}
