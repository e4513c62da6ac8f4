namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Functions of doubles to about 1e-15, from additions, products, quotients and fused multiply-adds alone, so that tables
/// made at compile time have the same bits on every host; those of <see cref="Math"/> differ between C libraries.
/// </summary>
internal static class PreciseMath
{
    /// <summary>ln 2 as a sum; High has 32 bits, so that its products with exponents are exact.</summary>
    private const double Ln2High = 0.693147180369123816490, Ln2Low = 1.90821492927058770002e-10;

    /// <summary>π/2 as a sum of three: products of the first two with quotients below 2^20 are exact (33 bits each).</summary>
    private const double PiHalf1 = 1.5707963267341256, PiHalf2 = 6.077100506303966e-11, PiHalf3 = 2.0222662487959506e-21;

    private const int Terms = 20;

    /// <summary>Natural logarithm of a positive normal number: x = 2^k·m, log m = 2·atanh((m − 1) / (m + 1)).</summary>
    public static double Log(double x)
    {
        int k = Math.ILogB(x);
        double m = Math.ScaleB(x, -k);
        (k, m) = m > 1.4142135623730951 ? (k + 1, m / 2) : (k, m);
        double s = (m - 1) / (m + 1), square = s * s, sum = 0;
        for (int i = (2 * Terms) + 1; i >= 1; i -= 2)
        {
            sum = Math.FusedMultiplyAdd(sum, square, 1.0 / i);
        }
        return Math.FusedMultiplyAdd(k, Ln2High, Math.FusedMultiplyAdd(2 * s, sum, k * Ln2Low));
    }

    /// <summary>e^x for |x| up to 700: x = n·ln 2 + r.</summary>
    public static double Exp(double x)
    {
        double n = Math.Round(x / (Ln2High + Ln2Low));
        double r = Math.FusedMultiplyAdd(-n, Ln2Low, Math.FusedMultiplyAdd(-n, Ln2High, x)), sum = 1;
        for (int i = Terms; i >= 1; i--)
        {
            sum = Math.FusedMultiplyAdd(sum, r / i, 1);
        }
        return Math.ScaleB(sum, (int)n);
    }

    /// <summary>sin and cos of |x| below 2^20.</summary>
    public static (double Sin, double Cos) SinCos(double x)
    {
        double n = Math.Round(x / (PiHalf1 + PiHalf2));
        double r = Math.FusedMultiplyAdd(-n, PiHalf3, Math.FusedMultiplyAdd(-n, PiHalf2, Math.FusedMultiplyAdd(-n, PiHalf1, x)));
        double square = r * r, sin = 1, cos = 1;
        for (int i = Terms; i >= 2; i -= 2)
        {
            sin = Math.FusedMultiplyAdd(sin, -square / (i * (i + 1)), 1);
            cos = Math.FusedMultiplyAdd(cos, -square / (i * (i - 1)), 1);
        }
        sin *= r;
        return ((long)n & 3) switch { 0 => (sin, cos), 1 => (cos, -sin), 2 => (-sin, -cos), _ => (-cos, sin) };
    }
}
