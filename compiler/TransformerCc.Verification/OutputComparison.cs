using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>One output beside its golden.</summary>
/// <param name="ArgmaxAgreement">
/// Share of rows (along the last axis) whose largest element stands at the same place; null for integers and for rows of
/// one element.
/// </param>
/// <param name="Problem">Why the two cannot be compared (shape, element type); null when they can.</param>
public sealed record OutputComparison(string Name, ErrorMeasures Errors, double? ArgmaxAgreement, bool Passed, string? Problem = null)
{
    public static OutputComparison Compare(string name, Tensor actual, Tensor golden, Tolerance tolerance)
    {
        if (!actual.Shape.SequenceEqual(golden.Shape) || actual.Type != golden.Type)
        {
            return Incomparable(name, $"is {Describe(actual)}, the golden is {Describe(golden)}");
        }
        double[] a = TensorMath.Doubles(actual), g = TensorMath.Doubles(golden);
        ErrorMeasures errors = ErrorMeasures.Of(a, g);
        if (!golden.Type.IsFloat())
        {
            // float64 holds integers only up to 2^53: exactness is decided on the bytes.
            return new(name, errors, null, actual.Data.Span.SequenceEqual(golden.Data.Span));
        }
        int width = golden.Rank == 0 ? 1 : (int)golden.Shape[^1];
        return new(name, errors, width > 1 ? AgreementOfArgmax(a, g, width) : null, tolerance.Accepts(errors, a, g));
    }

    public static OutputComparison Incomparable(string name, string problem) =>
        new(name, new(double.PositiveInfinity, double.PositiveInfinity, 0, 0, double.NegativeInfinity), null, false, problem);

    private static double? AgreementOfArgmax(ReadOnlySpan<double> actual, ReadOnlySpan<double> golden, int width)
    {
        int rows = golden.Length / width, same = 0;
        for (int row = 0; row < rows; row++)
        {
            same += IndexOfMax(actual.Slice(row * width, width)) == IndexOfMax(golden.Slice(row * width, width)) ? 1 : 0;
        }
        return rows == 0 ? null : (double)same / rows;
    }

    /// <summary>The first of equal maxima.</summary>
    public static int IndexOfMax(ReadOnlySpan<double> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }

    private static string Describe(Tensor t) => $"{t.Type.Name()}[{string.Join(", ", t.Shape.ToArray())}]";
}
