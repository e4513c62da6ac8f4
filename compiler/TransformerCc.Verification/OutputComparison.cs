using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>One output beside its golden.</summary>
/// <param name="ArgmaxAgreement">
/// Share of rows (along the last axis) with the largest element at the same place, among the rows whose golden has a
/// clear winner: its two largest elements differ by more than 2 %. Null for integers and where no row has one.
/// </param>
/// <param name="Problem">Why the two cannot be compared (shape, element type); null when they can.</param>
public sealed record OutputComparison(string Name, ErrorMeasures Errors, double? ArgmaxAgreement, bool Passed, string? Problem = null)
{
    /// <summary>Below this relative distance between the two largest elements, which of them wins is a matter of rounding.</summary>
    private const double ClearMargin = 0.02;

    /// <summary>The largest error as a share of what the rule allows there; null for what is exact, and for what cannot be compared.</summary>
    public double? ShareOfAllowed { get; init; }

    /// <summary>Of an output of indices whose scores are an output as well; null for any other.</summary>
    public IndexAgreement? Indices { get; init; }

    /// <summary>In words: what is wrong, where it begins, or what was let pass and why.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>It failed, and a more exact format may mend it.</summary>
    public bool MayBeRounding { get; init; }

    /// <remarks>NumPy files hold types that NumPy has not, such as bf16, as f32: so may the golden.</remarks>
    public static OutputComparison Compare(string name, Tensor actual, Tensor golden, Tolerance tolerance)
    {
        if (!actual.Shape.SequenceEqual(golden.Shape) || (actual.Type != golden.Type && !(golden.Type == ElementType.F32 && actual.Type.IsFloat() && !NpyFile.Holds(actual.Type))))
        {
            return Incomparable(name, $"is {Describe(actual)}, the golden is {Describe(golden)}");
        }
        double[] a = TensorMath.Doubles(actual), g = TensorMath.Doubles(golden);
        ErrorMeasures errors = ErrorMeasures.Of(a, g);
        if (!golden.Type.IsFloat())
        {
            // float64 holds integers only up to 2^53: exactness is decided on the bytes.
            bool same = actual.Data.Span.SequenceEqual(golden.Data.Span);
            return new(name, errors, null, same) { Remarks = DifferenceText.OfIntegers(actual, golden), MayBeRounding = !same };
        }
        Tolerance rule = tolerance.For(actual.Type);
        int width = golden.Rank == 0 ? 1 : (int)golden.Shape[^1];
        bool passed = rule.Accepts(errors, a, g);
        return new(name, errors, width > 1 ? AgreementOfArgmax(a, g, width) : null, passed)
        {
            ShareOfAllowed = rule.ShareOfAllowed(errors, a, g),
            Remarks = DifferenceText.OfFloats(golden, a, g, errors, rule, passed),
            MayBeRounding = !passed && !a.Zip(g).Any(p => !double.IsFinite(p.Second) && ErrorMeasures.ErrorOf(p.First, p.Second) > 0),
        };
    }

    public static OutputComparison Incomparable(string name, string problem) =>
        new(name, new(double.PositiveInfinity, double.PositiveInfinity, 0, 0, double.NegativeInfinity), null, false, problem);

    private static double? AgreementOfArgmax(ReadOnlySpan<double> actual, ReadOnlySpan<double> golden, int width)
    {
        int clear = 0, same = 0;
        for (int at = 0; at < golden.Length; at += width)
        {
            ReadOnlySpan<double> row = golden.Slice(at, width);
            int best = IndexOfMax(row);
            if (HasClearWinner(row, best))
            {
                clear++;
                same += IndexOfMax(actual.Slice(at, width)) == best ? 1 : 0;
            }
        }
        return clear == 0 ? null : (double)same / clear;
    }

    private static bool HasClearWinner(ReadOnlySpan<double> row, int best)
    {
        double second = double.NegativeInfinity;
        for (int i = 0; i < row.Length; i++)
        {
            second = i == best ? second : Math.Max(second, row[i]);
        }
        return row[best] - second > ClearMargin * Math.Max(Math.Abs(row[best]), Math.Abs(second));
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
