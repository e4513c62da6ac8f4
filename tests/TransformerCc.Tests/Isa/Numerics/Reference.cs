namespace TransformerCc.Tests.Isa.Numerics;

/// <summary>What the frozen numerics are measured against: float64 functions, and distance in units of the last place of f32.</summary>
internal static class Reference
{
    public static double Ulps(float actual, double expected)
    {
        if (double.IsNaN(expected) || double.IsInfinity((float)expected))
        {
            return actual.Equals((float)expected) ? 0 : double.PositiveInfinity;
        }
        double ulp = Math.Max(Math.ScaleB(1, Math.Max(expected == 0 ? -200 : Math.ILogB(expected), -126) - 23), float.Epsilon);
        return Math.Abs(actual - expected) / ulp;
    }

    /// <summary>Series below 2.5 (loses 3 of 16 digits), Laplace's continued fraction of erfc above.</summary>
    public static double Erf(double x)
    {
        double a = Math.Abs(x);
        if (double.IsNaN(x) || a > 6)
        {
            return double.IsNaN(x) ? x : Math.Sign(x);
        }
        if (a < 2.5)
        {
            double sum = 0, term = x;
            for (int n = 0; Math.Abs(term) > 1e-18 * Math.Abs(x); n++)
            {
                sum += term / ((2 * n) + 1);
                term *= -x * x / (n + 1);
            }
            return 2 / Math.Sqrt(Math.PI) * sum;
        }
        double fraction = 0;
        for (int k = 60; k > 0; k--)
        {
            fraction = k / 2.0 / (a + fraction);
        }
        return Math.Sign(x) * (1 - (Math.Exp(-a * a) / Math.Sqrt(Math.PI) / (a + fraction)));
    }

    /// <summary>Every <paramref name="step"/>-th bit pattern: all exponents, denormals, infinities and NaNs.</summary>
    public static IEnumerable<float> AllMagnitudes(int step)
    {
        for (long bits = 0; bits <= uint.MaxValue; bits += step)
        {
            yield return BitConverter.UInt32BitsToSingle((uint)bits);
        }
        foreach (float x in SpecialValues)
        {
            yield return x;
        }
    }

    public static float[] SpecialValues { get; } =
    [
        0f, -0f, float.Epsilon, -float.Epsilon, 1.17549435e-38f, -1.17549435e-38f, 1f, -1f, float.BitDecrement(1), float.BitIncrement(1), 0.5f, 2f, -2f, 3f,
        float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN, BitConverter.UInt32BitsToSingle(0xFFC0_0001), BitConverter.UInt32BitsToSingle(0x7F80_0001),
        88.72283f, 88.72284f, -87.33655f, -103.97207f, -103.97209f, -104f, 3.9192059f, 4f, 9.01f, 16777216f, 16777217f, 1048575.94f, 1048576f,
    ];
}
