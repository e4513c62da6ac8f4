using System.Globalization;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Verification;

/// <summary>Says in words where an output differs from its golden, and what a verdict rests on that numbers do not show.</summary>
internal static class DifferenceText
{
    /// <summary>Of two tensors of one integer or boolean type and one shape.</summary>
    public static IReadOnlyList<string> OfIntegers(Tensor actual, Tensor golden)
    {
        (long[] a, long[] g) = (TensorMath.Longs(actual), TensorMath.Longs(golden));
        int[] wrong = [.. Enumerable.Range(0, a.Length).Where(i => a[i] != g[i])];
        return wrong.Length > 0 ? [First(golden, wrong, "differ", Text(a), Text(g))] : a.Length == 0 ? [NoElements] : [];

        Func<int, string> Text(long[] values) => i => golden.Type switch
        {
            ElementType.Bool => values[i] != 0 ? "true" : "false",
            ElementType.U64 => ((ulong)values[i]).ToString(CultureInfo.InvariantCulture),
            _ => values[i].ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Of two tensors of floats.</summary>
    public static IReadOnlyList<string> OfFloats(Tensor golden, double[] a, double[] g, ErrorMeasures errors, Tolerance rule, bool passed)
    {
        if (g.Length == 0)
        {
            return [NoElements];
        }
        var remarks = new List<string>();
        int[] wrong = passed ? [] : [.. Enumerable.Range(0, g.Length).Where(i => !(ErrorMeasures.ErrorOf(a[i], g[i]) <= rule.Allowed(g[i], errors.MaxGolden)))];
        if (wrong.Length > 0)
        {
            string allowed = rule.Allowed(g[wrong[0]], errors.MaxGolden).ToString("G3", CultureInfo.InvariantCulture);
            remarks.Add($"{First(golden, wrong, "differ by more than allowed", i => Float(a[i]), i => Float(g[i]))}, allowed is {allowed}");
            if (errors.MaxGolden == 0 && rule is ScaledTolerance)
            {
                remarks.Add("no golden is another number than 0, so that nothing else is allowed: --atol gives another bound");
            }
        }
        if (!passed && rule is ScaledTolerance { Cosine: double least } scaled && scaled.MissesCosine(errors))
        {
            remarks.Add(string.Create(CultureInfo.InvariantCulture, $"the cosine {errors.Cosine:F6} is below {least}"));
        }
        int both = Enumerable.Range(0, g.Length).Count(i => !double.IsFinite(g[i]) && ErrorMeasures.ErrorOf(a[i], g[i]) == 0);
        if (both > 0)
        {
            remarks.Add(string.Create(CultureInfo.InvariantCulture, $"{both} of {g.Length} elements are NaN or infinite alike, in the golden and on the chip"));
        }
        return remarks;
    }

    private const string NoElements = "has no elements: only type and shape are compared";

    private static string First(Tensor golden, int[] wrong, string how, Func<int, string> actual, Func<int, string> expected) => string.Create(CultureInfo.InvariantCulture,
        $"{wrong.Length} of {golden.Count} elements {how}, the first at [{string.Join(", ", TensorDifference.IndexOf(golden, wrong[0]))}]: {actual(wrong[0])}, golden {expected(wrong[0])}");

    private static string Float(double value) => value.ToString("G9", CultureInfo.InvariantCulture);
}
