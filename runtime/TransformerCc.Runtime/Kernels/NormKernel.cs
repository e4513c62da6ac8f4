using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>vnorm: layer and RMS normalisation of rows.</summary>
internal static unsafe class NormKernel
{
    public static void Run(EngineContext x, VectorNorm i)
    {
        (int rows, int columns) = x.Extent(i.Rows, i.Columns);
        if (rows == 0 || columns == 0)
        {
            return;
        }
        VectorView src = x.View(i.Src), dst = x.View(i.Dst);
        Span<float> scale = x.Rows.Floats(2, columns), shift = x.Rows.Floats(3, i.HasShift ? columns : 0);
        RowConversion.ReadFloats(i.ScaleFormat, x.Pointer(i.Scale), scale);
        if (i.HasShift)
        {
            RowConversion.ReadFloats(i.ShiftFormat, x.Pointer(i.Shift), shift);
        }
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> values = RowConversion.Floats(in src, row, 0, x.Rows.Floats(0, columns));
            (float mean, float factor) = Moments(i.Kind, values, i.Epsilon);
            Span<float> result = RowConversion.Target(in dst, row, 0, x.Rows.Floats(1, columns));
            VectorLoops.Map(values, result, new ShiftScaleLanes(mean, factor));
            if (i.HasShift)
            {
                VectorLoops.FusedMultiplyAdd(result, scale, shift, result);
            }
            else
            {
                VectorLoops.Map<MultiplyLanes>(result, scale, result);
            }
            RowConversion.Finish(in dst, row, 0, result);
        }
    }

    /// <summary>layer: (mean, 1/√(Σ(x−mean)²/n + ε)); rms: (0, 1/√(Σx²/n + ε)).</summary>
    private static (float Mean, float Factor) Moments(NormKind kind, ReadOnlySpan<float> x, float epsilon)
    {
        float mean = kind == NormKind.Layer ? RowSums.Sum(x) / x.Length : 0;
        float squares = kind == NormKind.Layer ? RowSums.SumSquaredDeviations(x, mean) : RowSums.SumSquares(x);
        return (mean, Elementary.Rsqrt((squares / x.Length) + epsilon));
    }
}
