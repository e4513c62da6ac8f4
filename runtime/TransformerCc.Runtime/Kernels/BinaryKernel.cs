using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vbinary: in 64-bit integers when both formats are integer or bool, otherwise in f32.</summary>
internal static class BinaryKernel
{
    public static void Run(EngineContext x, VectorBinary i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView a = x.View(i.A), b = x.View(i.B), dst = x.View(i.Dst);
        bool integers = a.IsInteger && b.IsInteger;
        for (int row = 0; row < rows; row++)
        {
            for (int c = 0; c < columns; c += UnaryKernel.Chunk)
            {
                int n = int.Min(UnaryKernel.Chunk, columns - c);
                if (integers)
                {
                    Span<long> left = x.Rows.Longs(0, n), right = x.Rows.Longs(1, n);
                    RowConversion.Integers(in a, row, c, left);
                    RowConversion.Integers(in b, row, c, right);
                    Apply(i.Op, left, right);
                    RowConversion.WriteIntegers(in dst, row, c, left);
                }
                else
                {
                    ReadOnlySpan<float> left = RowConversion.Floats(in a, row, c, x.Rows.Floats(0, n));
                    ReadOnlySpan<float> right = RowConversion.Floats(in b, row, c, x.Rows.Floats(1, n));
                    Span<float> result = RowConversion.Target(in dst, row, c, x.Rows.Floats(2, n));
                    Apply(i.Op, left, right, result);
                    RowConversion.Finish(in dst, row, c, result);
                }
            }
        }
    }

    private static void Apply(BinaryOp op, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> result)
    {
        switch (op)
        {
            case BinaryOp.Add: VectorLoops.Map<AddLanes>(a, b, result); return;
            case BinaryOp.Sub: VectorLoops.Map<SubtractLanes>(a, b, result); return;
            case BinaryOp.Mul: VectorLoops.Map<MultiplyLanes>(a, b, result); return;
            case BinaryOp.Div: VectorLoops.Map<DivideLanes>(a, b, result); return;
            case BinaryOp.Min: VectorLoops.Map<MinimumLanes>(a, b, result); return;
            case BinaryOp.Max: VectorLoops.Map<MaximumLanes>(a, b, result); return;
        }
        for (int i = 0; i < a.Length; i++)
        {
            result[i] = Compute(op, a[i], b[i]);
        }
    }

    /// <summary>Logic takes every value but 0 as true; comparisons with NaN are false, except ≠.</summary>
    private static float Compute(BinaryOp op, float a, float b) => op switch
    {
        BinaryOp.Pow => Elementary.Pow(a, b),
        BinaryOp.Mod => Modulo(a, b),
        BinaryOp.Rem => a % b,
        BinaryOp.And => a != 0 && b != 0 ? 1 : 0,
        BinaryOp.Or => a != 0 || b != 0 ? 1 : 0,
        BinaryOp.Xor => (a != 0) != (b != 0) ? 1 : 0,
        BinaryOp.Equal => a == b ? 1 : 0,
        BinaryOp.NotEqual => a != b ? 1 : 0,
        BinaryOp.Less => a < b ? 1 : 0,
        BinaryOp.LessOrEqual => a <= b ? 1 : 0,
        BinaryOp.Greater => a > b ? 1 : 0,
        BinaryOp.GreaterOrEqual => a >= b ? 1 : 0,
        _ => throw Illegal(op),
    };

    private static float Modulo(float a, float b)
    {
        float r = a % b;
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }

    private static void Apply(BinaryOp op, Span<long> a, ReadOnlySpan<long> b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            a[i] = Compute(op, a[i], b[i]);
        }
    }

    private static long Compute(BinaryOp op, long a, long b) => op switch
    {
        BinaryOp.Add => unchecked(a + b),
        BinaryOp.Sub => unchecked(a - b),
        BinaryOp.Mul => unchecked(a * b),
        BinaryOp.Div => IntegerMath.Divide(a, b),
        BinaryOp.Min => long.Min(a, b),
        BinaryOp.Max => long.Max(a, b),
        BinaryOp.Pow => IntegerMath.Power(a, b),
        BinaryOp.Mod => IntegerMath.FloorModulo(a, b),
        BinaryOp.Rem => IntegerMath.Remainder(a, b),
        BinaryOp.And => a & b,
        BinaryOp.Or => a | b,
        BinaryOp.Xor => a ^ b,
        BinaryOp.Equal => a == b ? 1 : 0,
        BinaryOp.NotEqual => a != b ? 1 : 0,
        BinaryOp.Less => a < b ? 1 : 0,
        BinaryOp.LessOrEqual => a <= b ? 1 : 0,
        BinaryOp.Greater => a > b ? 1 : 0,
        BinaryOp.GreaterOrEqual => a >= b ? 1 : 0,
        _ => throw Illegal(op),
    };

    private static TrapSignal Illegal(BinaryOp op) => new(TrapKind.IllegalInstruction, FormattableString.Invariant($"binary operation {(byte)op}"));
}
