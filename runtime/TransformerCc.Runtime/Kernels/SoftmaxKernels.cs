using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vsoftmax, vonline, vfinish.</summary>
internal static unsafe class SoftmaxKernels
{
    public static void Run(EngineContext x, VectorSoftmax i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView src = x.View(i.Src), dst = x.View(i.Dst);
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> values = RowConversion.Floats(in src, row, 0, x.Rows.Floats(0, columns));
            Span<float> result = RowConversion.Target(in dst, row, 0, x.Rows.Floats(1, columns));
            Exponentials(values, VectorLoops.Maximum(values), result);
            float sum = RowSums.Sum(result);
            VectorLoops.Map(result, result, new DivideByLanes(sum));
            RowConversion.Finish(in dst, row, 0, result);
        }
    }

    /// <summary>One key block of the online softmax; positions outside the limits are skipped and give 0.</summary>
    public static void Run(EngineContext x, OnlineSoftmax i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        int queryRows = x.Count(i.QueryRows);
        if (i.Slope > 1)
        {
            throw new TrapSignal(TrapKind.IllegalInstruction, FormattableString.Invariant($"a limit slope of {i.Slope}"));
        }
        if (rows == 0)
        {
            return;
        }
        if (queryRows == 0)
        {
            throw new TrapSignal(TrapKind.BadDimension, "rows modulo zero query rows");
        }
        VectorView scores = columns > 0 ? x.View(i.Scores) : default, dst = columns > 0 ? x.View(i.Dst) : default;
        byte* states = x.Pointer(i.State);
        long stateStride = x.Value(i.StateRowStride), low = x.Registers[i.LowLimit.Index], high = x.Registers[i.HighLimit.Index];
        for (int row = 0; row < rows; row++)
        {
            float* state = (float*)(states + (row * stateStride));
            long shift = (long)i.Slope * (row % queryRows);
            int lo = (int)long.Clamp(unchecked(low + shift), 0, columns), hi = (int)long.Clamp(unchecked(high + shift), 0, columns);
            (float m, float l) = i.Mode == AccumulateMode.Init ? (float.NegativeInfinity, 0f) : (state[0], state[1]);
            Span<float> p = x.Rows.Floats(1, columns);
            float next = m;
            p.Clear();
            if (lo < hi)
            {
                ReadOnlySpan<float> inside = RowConversion.Floats(in scores, row, 0, x.Rows.Floats(0, columns))[lo..hi];
                Span<float> scaled = p[lo..hi];
                VectorLoops.Map(inside, scaled, new ScaleLanes(i.Scale));
                next = FloatBits.Maximum(m, VectorLoops.Maximum(scaled));
                if (next == float.NegativeInfinity)
                {
                    scaled.Clear();
                }
                else
                {
                    Exponentials(scaled, next, scaled);
                }
            }
            float factor = m == next ? 1f : Elementary.Exp(m - next);
            state[0] = FloatBits.Canonical(next);
            state[1] = FloatBits.Canonical(MathF.FusedMultiplyAdd(l, factor, RowSums.Sum(p)));
            state[2] = factor;
            if (columns > 0)
            {
                RowConversion.WriteFloats(in dst, row, 0, p);
            }
        }
    }

    public static void Run(EngineContext x, OnlineFinish i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView src = x.View(i.Src), dst = x.View(i.Dst);
        byte* states = x.Pointer(i.State);
        long stateStride = x.Value(i.StateRowStride);
        for (int row = 0; row < rows; row++)
        {
            float sum = ((float*)(states + (row * stateStride)))[1];
            ReadOnlySpan<float> values = RowConversion.Floats(in src, row, 0, x.Rows.Floats(0, columns));
            Span<float> result = RowConversion.Target(in dst, row, 0, x.Rows.Floats(1, columns));
            if (sum == 0)
            {
                result.Clear();
            }
            else
            {
                VectorLoops.Map(values, result, new DivideByLanes(sum));
            }
            RowConversion.Finish(in dst, row, 0, result);
        }
    }

    /// <summary>e^(x − m); the result may be the source.</summary>
    private static void Exponentials(ReadOnlySpan<float> x, float m, Span<float> result)
    {
        VectorLoops.Map(x, result, new SubtractFromLanes(m));
        Elementary.Exp(result, result);
    }
}
