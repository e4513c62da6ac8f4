using System.Runtime.CompilerServices;

namespace TransformerCc.Isa.Numerics;

/// <summary>
/// The elementary functions, each written once over <see cref="ILaneArithmetic{V}"/>. They take f32 values widened to
/// double and return doubles good to about 1e-11 relative, so that the one rounding to f32 that follows is within
/// 0.501 ulp. Series are Taylor's unless said otherwise.
/// </summary>
internal static class ElementaryKernels
{
    /// <summary>Adding 1.5·2^52 rounds to an integer (nearest even) and leaves it in the low bits of the sum.</summary>
    private const double Shifter = 6755399441055744.0;

    private const double Log2E = 1.4426950408889634, Ln2High = 0.6931471805592082, Ln2Low = 7.371002565167799e-13;

    private const long SignBit = long.MinValue, One = 0x3FF0_0000_0000_0000;

    /// <summary>Beyond ±110 every exponential of an f32 rounds to infinity or zero, and clamping keeps the scale a normal double.</summary>
    private const double ExpLimit = 110;

    /// <summary>1/k! for k = 1 to 10.</summary>
    private static ReadOnlySpan<double> InverseFactorials =>
        [1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800];

    /// <summary>sin(r) / r in r².</summary>
    private static ReadOnlySpan<double> SinSeries =>
        [1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800];

    /// <summary>cos(r) in r².</summary>
    private static ReadOnlySpan<double> CosSeries =>
        [1, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600];

    /// <summary>2·atanh(s) / s in s².</summary>
    private static ReadOnlySpan<double> AtanhSeries => [2, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15];

    /// <summary>
    /// erf(x)/x for |x| ≤ 4 in v = x²/8 − 1: the polynomial that interpolates it in the 21 Chebyshev nodes of [−1, 1],
    /// computed with 80 decimal digits; relative error below 1.3e-11.
    /// </summary>
    private static ReadOnlySpan<double> ErfPolynomial =>
    [
        0.35353099564340495, -0.1765762332142376, 0.13167511686631903, -0.1077104489095233, 0.0902089961907006, -0.07472772837517466,
        0.059886860225133925, -0.045766463466210563, 0.03306107366347555, -0.022466263707243098, 0.014347216896437105,
        -0.008629832983801853, 0.004861257452313889, -0.0025306721064139617, 0.001277072805758373, -0.0006727975797938545,
        0.0002951384370466126, -7.246152144638048e-05, 3.2979383818983124e-05, -3.668360645354812e-05, 1.2874054698224224e-05,
    ];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<A, V>(V x) where A : ILaneArithmetic<V>
    {
        V p = ExpMinusOneReduced<A, V>(x, out V scale);
        return A.Fma(scale, p, scale);
    }

    /// <summary>1 / (1 + e^−x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<A, V>(V x) where A : ILaneArithmetic<V> =>
        A.Divide(A.Of(1), A.Add(A.Of(1), Exp<A, V>(A.Xor(x, A.OfBits(SignBit)))));

    /// <summary>e / (e + 2) with e = e^2|x| − 1, which keeps its relative accuracy near 0; then the sign of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<A, V>(V x) where A : ILaneArithmetic<V>
    {
        V sign = A.And(x, A.OfBits(SignBit)), magnitude = A.Xor(x, sign);
        V p = ExpMinusOneReduced<A, V>(A.Add(magnitude, magnitude), out V scale);
        V e = A.Fma(scale, p, A.Subtract(scale, A.Of(1)));
        return A.Xor(A.Divide(e, A.Add(e, A.Of(2))), sign);
    }

    /// <summary>From |x| = 3.92 on, erf rounds to ±1; the polynomial is used up to 4 and the argument clamped there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<A, V>(V x) where A : ILaneArithmetic<V>
    {
        V y = Clamp<A, V>(x, 4);
        V v = A.Fma(A.Multiply(y, y), A.Of(1.0 / 8), A.Of(-1));
        return A.Multiply(y, Polynomial<A, V>(ErfPolynomial, v));
    }

    /// <summary>
    /// x = 2^k · m with √½ ≤ m &lt; √2; log x = k·ln 2 + 2·atanh(s), s = (m − 1)/(m + 1), |s| ≤ 0.1716.
    /// Denormal f32 are normal doubles, so nothing else needs scaling. log 0 = −∞, below 0 NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<A, V>(V x) where A : ILaneArithmetic<V>
    {
        // Subtracting the bits of √½ makes the exponent field count from √½; the bias keeps it from going negative.
        const long HalfRoot = 0x3FE6_A09E_667F_3BCD, Bias = 2047;
        V offset = A.SubtractBits(x, A.OfBits(HalfRoot - (Bias << 52)));
        V biased = A.ShiftBitsRight(offset, 52);
        V m = A.SubtractBits(x, A.ShiftBitsLeft(A.SubtractBits(biased, A.OfBits(Bias)), 52));
        V k = A.Subtract(A.AddBits(biased, A.Of(Shifter)), A.Of(Shifter + Bias));
        V s = A.Divide(A.Subtract(m, A.Of(1)), A.Add(m, A.Of(1)));
        V series = Polynomial<A, V>(AtanhSeries, A.Multiply(s, s));
        V log = A.Fma(k, A.Of(Ln2High), A.Fma(s, series, A.Multiply(k, A.Of(Ln2Low))));
        log = A.Select(A.Less(x, A.Of(double.PositiveInfinity)), log, x);
        log = A.Select(A.Equal(x, A.Of(0)), A.Of(double.NegativeInfinity), log);
        return A.Select(A.Less(x, A.Of(0)), A.Of(double.NaN), log);
    }

    /// <summary>
    /// sin(x + quarterTurns·π/2) for |x| &lt; <see cref="TrigonometricReduction.Limit"/>: x = n·π/2 + r, |r| ≤ π/4, n·π/2
    /// subtracted in three parts of which the first two products are exact (Cody and Waite, "Software Manual for the
    /// Elementary Functions", 1980).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V SinPlusQuarters<A, V>(V x, long quarterTurns) where A : ILaneArithmetic<V>
    {
        V shifted = A.Fma(x, A.Of(TrigonometricReduction.TwoOverPi), A.Of(Shifter));
        // Negative constants, so that −0 stays −0.
        V n = A.Subtract(shifted, A.Of(Shifter));
        V r = A.Fma(n, A.Of(-TrigonometricReduction.PiHalf1), x);
        r = A.Fma(n, A.Of(-TrigonometricReduction.PiHalf2), r);
        r = A.Fma(n, A.Of(-TrigonometricReduction.PiHalf3), r);
        return SinOfQuadrant<A, V>(r, A.AddBits(shifted, A.OfBits(quarterTurns)));
    }

    /// <summary>sin(r + q·π/2), |r| ≤ π/4, where the low two bits of <paramref name="quadrant"/> are q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V SinOfQuadrant<A, V>(V r, V quadrant) where A : ILaneArithmetic<V>
    {
        V square = A.Multiply(r, r);
        V sin = A.Multiply(r, Polynomial<A, V>(SinSeries, square)), cos = Polynomial<A, V>(CosSeries, square);
        V isOdd = A.Equal(A.And(A.AddBits(quadrant, A.OfBits(1)), A.OfBits(1)), A.Of(0));
        V sign = A.ShiftBitsLeft(A.And(quadrant, A.OfBits(2)), 62);
        return A.Xor(A.Select(isOdd, cos, sin), sign);
    }

    /// <summary>e^x = scale · (1 + p): x = n·ln 2 + r, |r| ≤ ln 2 / 2, scale = 2^n, p = e^r − 1 (to r^10/10!).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V ExpMinusOneReduced<A, V>(V x, out V scale) where A : ILaneArithmetic<V>
    {
        V y = Clamp<A, V>(x, ExpLimit);
        V shifted = A.Fma(y, A.Of(Log2E), A.Of(Shifter));
        V n = A.Subtract(shifted, A.Of(Shifter));
        V r = A.Fma(n, A.Of(-Ln2Low), A.Fma(n, A.Of(-Ln2High), y));
        scale = A.AddBits(A.ShiftBitsLeft(shifted, 52), A.OfBits(One));
        return A.Multiply(r, Polynomial<A, V>(InverseFactorials, r));
    }

    /// <summary>Horner, ascending coefficients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Polynomial<A, V>(ReadOnlySpan<double> coefficients, V x) where A : ILaneArithmetic<V>
    {
        V sum = A.Of(coefficients[^1]);
        for (int i = coefficients.Length - 2; i >= 0; i--)
        {
            sum = A.Fma(sum, x, A.Of(coefficients[i]));
        }
        return sum;
    }

    /// <summary>Into [−limit, limit]; NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Clamp<A, V>(V x, double limit) where A : ILaneArithmetic<V>
    {
        x = A.Select(A.Less(A.Of(limit), x), A.Of(limit), x);
        return A.Select(A.Less(x, A.Of(-limit)), A.Of(-limit), x);
    }
}
