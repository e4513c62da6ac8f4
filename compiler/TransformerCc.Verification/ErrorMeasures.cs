namespace TransformerCc.Verification;

/// <summary>How far a result is from what it should be, in float64.</summary>
/// <param name="MaxAbsolute">max |a − g|.</param>
/// <param name="MaxRelative">max |a − g| / |g| over elements with g ≠ 0.</param>
/// <param name="MaxGolden">max |g| over finite elements.</param>
/// <param name="Cosine">a·g / (‖a‖ ‖g‖); 1 when both are zero.</param>
/// <param name="SignalToNoise">10 log₁₀(Σg² / Σ(a−g)²) in dB; +∞ when nothing differs.</param>
public readonly record struct ErrorMeasures(double MaxAbsolute, double MaxRelative, double MaxGolden, double Cosine, double SignalToNoise)
{
    /// <remarks>
    /// Equal infinities, and NaN where NaN is expected, are no error and take no part in the sums; any other meeting of
    /// a non-finite value is an infinite error.
    /// </remarks>
    public static ErrorMeasures Of(ReadOnlySpan<double> actual, ReadOnlySpan<double> golden)
    {
        double maxAbsolute = 0, maxRelative = 0, maxGolden = 0, dot = 0, actualSquares = 0, goldenSquares = 0, errorSquares = 0;
        for (int i = 0; i < golden.Length; i++)
        {
            double a = actual[i], g = golden[i], error = ErrorOf(a, g);
            maxAbsolute = Math.Max(maxAbsolute, error);
            if (error > 0 && g != 0)
            {
                maxRelative = Math.Max(maxRelative, double.IsFinite(g) ? error / Math.Abs(g) : double.PositiveInfinity);
            }
            if (double.IsFinite(g))
            {
                maxGolden = Math.Max(maxGolden, Math.Abs(g));
            }
            if (error == 0 && !double.IsFinite(g))
            {
                continue;
            }
            dot += a * g;
            actualSquares += a * a;
            goldenSquares += g * g;
            errorSquares += error * error;
        }
        double cosine = actualSquares == 0 && goldenSquares == 0 ? 1
            : actualSquares == 0 || goldenSquares == 0 ? 0
            : dot / (Math.Sqrt(actualSquares) * Math.Sqrt(goldenSquares));
        double noise = errorSquares == 0 ? double.PositiveInfinity : 10 * Math.Log10(goldenSquares / errorSquares);
        return new(maxAbsolute, maxRelative, maxGolden, cosine, noise);
    }

    internal static double ErrorOf(double actual, double golden) =>
        actual.Equals(golden) || actual == golden ? 0
        : double.IsFinite(actual) && double.IsFinite(golden) ? Math.Abs(actual - golden)
        : double.PositiveInfinity;
}
