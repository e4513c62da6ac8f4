using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vrope: rotates pairs of every head by the angles of the row. Source and destination may be the same.</summary>
internal static unsafe class RopeKernel
{
    public static void Run(EngineContext x, VectorRope i)
    {
        (int rows, int columns) = EngineContext.Extent(x.Value(i.Rows), (long)i.Heads * i.HeadDim);
        int half = i.RotaryDim / 2;
        if (i.RotaryDim % 2 != 0 || i.RotaryDim > i.HeadDim)
        {
            throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"{i.RotaryDim} rotated elements of heads of {i.HeadDim}"));
        }
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView src = x.View(i.Src), dst = x.View(i.Dst);
        byte* cosines = half > 0 ? x.Pointer(i.Cos) : null, sines = half > 0 ? x.Pointer(i.Sin) : null;
        long tableStride = x.Value(i.TableRowStride);
        Span<float> values = x.Rows.Floats(0, columns), result = x.Rows.Floats(1, columns), cos = x.Rows.Floats(2, half), sin = x.Rows.Floats(3, half);
        for (int row = 0; row < rows; row++)
        {
            RowConversion.CopyFloats(in src, row, values);
            if (half > 0)
            {
                RowConversion.ReadFloats(i.TableFormat, cosines + (row * tableStride), cos);
                RowConversion.ReadFloats(i.TableFormat, sines + (row * tableStride), sin);
            }
            for (int h = 0; h < columns; h += i.HeadDim)
            {
                Rotate(i.Kind, values.Slice(h, i.HeadDim), result.Slice(h, i.HeadDim), cos, sin);
            }
            RowConversion.WriteFloats(in dst, row, 0, result);
        }
    }

    private static void Rotate(RopeKind kind, ReadOnlySpan<float> head, Span<float> result, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin)
    {
        int half = cos.Length;
        if (kind == RopeKind.Half)
        {
            ReadOnlySpan<float> p = head[..half], q = head[half..(2 * half)];
            Span<float> first = result[..half], second = result[half..(2 * half)];
            VectorLoops.Map<MultiplyLanes>(q, sin, first);
            VectorLoops.Map<NegateLanes>(first, first);
            VectorLoops.FusedMultiplyAdd(p, cos, first, first);
            VectorLoops.Map<MultiplyLanes>(p, sin, second);
            VectorLoops.FusedMultiplyAdd(q, cos, second, second);
        }
        else
        {
            for (int j = 0; j < half; j++)
            {
                (float p, float q) = (head[2 * j], head[(2 * j) + 1]);
                result[2 * j] = MathF.FusedMultiplyAdd(p, cos[j], -(q * sin[j]));
                result[(2 * j) + 1] = MathF.FusedMultiplyAdd(q, cos[j], p * sin[j]);
            }
        }
        head[(2 * half)..].CopyTo(result[(2 * half)..]);
    }
}
