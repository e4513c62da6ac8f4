using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vreduce: one value per row. An empty row gives the neutral element; its mean is NaN, or a trap for integers.</summary>
internal static class ReduceKernel
{
    public static void Run(EngineContext x, VectorReduce i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0)
        {
            return;
        }
        VectorView dst = x.View(i.Dst);
        // The operand of empty rows was not checked, and is not touched.
        VectorView src = columns > 0 ? x.View(i.Src) : default;
        bool integers = i.Src.Format.IsInteger() || i.Src.Format == ElementType.Bool;
        bool index = i.Op is ReduceOp.ArgMax or ReduceOp.ArgMin;
        Span<float> value = stackalloc float[1];
        Span<long> number = stackalloc long[1];
        for (int row = 0; row < rows; row++)
        {
            if (integers)
            {
                Span<long> values = x.Rows.Longs(0, columns);
                if (columns > 0)
                {
                    RowConversion.Integers(in src, row, 0, values);
                }
                number[0] = Reduce(i.Op, values);
            }
            else
            {
                ReadOnlySpan<float> values = columns > 0 ? RowConversion.Floats(in src, row, 0, x.Rows.Floats(0, columns)) : [];
                if (index)
                {
                    number[0] = IndexOfExtreme(values, i.Op == ReduceOp.ArgMax);
                }
                else
                {
                    value[0] = Reduce(i.Op, values);
                }
            }
            if (integers || index)
            {
                RowConversion.WriteIntegers(in dst, row, 0, number);
            }
            else
            {
                RowConversion.WriteFloats(in dst, row, 0, value);
            }
        }
    }

    private static float Reduce(ReduceOp op, ReadOnlySpan<float> x)
    {
        switch (op)
        {
            case ReduceOp.Sum: return RowSums.Sum(x);
            case ReduceOp.Mean: return RowSums.Sum(x) / x.Length;
            case ReduceOp.Product: return RowSums.Product(x);
            case ReduceOp.SumSquares: return RowSums.SumSquares(x);
            case ReduceOp.SumAbs: return RowSums.SumAbs(x);
            case ReduceOp.Max: return VectorLoops.Maximum(x);
            case ReduceOp.Min:
                float m = float.PositiveInfinity;
                foreach (float v in x)
                {
                    m = MathF.Min(m, v);
                }
                return m;
            default: throw Illegal(op);
        }
    }

    /// <summary>The first NaN, else the first of the equal extremes; 0 for an empty row.</summary>
    private static long IndexOfExtreme(ReadOnlySpan<float> x, bool largest)
    {
        int best = 0;
        for (int c = 1; c < x.Length && !float.IsNaN(x[best]); c++)
        {
            best = float.IsNaN(x[c]) || (largest ? x[c] > x[best] : x[c] < x[best]) ? c : best;
        }
        return best;
    }

    private static long Reduce(ReduceOp op, ReadOnlySpan<long> x)
    {
        if (op == ReduceOp.Mean)
        {
            return IntegerMath.Divide(Reduce(ReduceOp.Sum, x), x.Length);
        }
        long result = op switch { ReduceOp.Max => long.MinValue, ReduceOp.Min => long.MaxValue, ReduceOp.Product => 1, _ => 0 };
        for (int c = 0; c < x.Length; c++)
        {
            long v = x[c];
            result = op switch
            {
                ReduceOp.Sum => unchecked(result + v),
                ReduceOp.SumSquares => unchecked(result + (v * v)),
                ReduceOp.SumAbs => unchecked(result + (v < 0 ? -v : v)),
                ReduceOp.Product => unchecked(result * v),
                ReduceOp.Max => long.Max(result, v),
                ReduceOp.Min => long.Min(result, v),
                ReduceOp.ArgMax => v > x[(int)result] ? c : result,
                ReduceOp.ArgMin => v < x[(int)result] ? c : result,
                _ => throw Illegal(op),
            };
        }
        return result;
    }

    private static TrapSignal Illegal(ReduceOp op) => new(TrapKind.IllegalInstruction, FormattableString.Invariant($"reduction {(byte)op}"));
}
