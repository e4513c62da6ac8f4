using System.Runtime.Intrinsics;

namespace TransformerCc.Isa.Numerics;

/// <summary>
/// Elementary functions on f32, frozen: the same bits on every host, in a span or alone. Errors are at most 0.51 ulp over
/// the whole range, denormal results included. Special values follow IEEE 754-2019 section 9.2; every NaN is canonical.
/// Spans may be the same memory, not otherwise overlap.
/// </summary>
public static class Elementary
{
    public static float Exp(float x) => ElementaryMap.Apply<ExpFunction>(x);

    public static void Exp(ReadOnlySpan<float> x, Span<float> result) => ElementaryMap.Apply<ExpFunction>(x, result);

    /// <summary>Natural logarithm; −∞ at ±0, NaN below.</summary>
    public static float Log(float x) => ElementaryMap.Apply<LogFunction>(x);

    public static void Log(ReadOnlySpan<float> x, Span<float> result) => ElementaryMap.Apply<LogFunction>(x, result);

    public static float Erf(float x) => ElementaryMap.Apply<ErfFunction>(x);

    public static void Erf(ReadOnlySpan<float> x, Span<float> result) => ElementaryMap.Apply<ErfFunction>(x, result);

    public static float Tanh(float x) => ElementaryMap.Apply<TanhFunction>(x);

    public static void Tanh(ReadOnlySpan<float> x, Span<float> result) => ElementaryMap.Apply<TanhFunction>(x, result);

    /// <summary>1 / (1 + e^−x).</summary>
    public static float Sigmoid(float x) => ElementaryMap.Apply<SigmoidFunction>(x);

    public static void Sigmoid(ReadOnlySpan<float> x, Span<float> result) => ElementaryMap.Apply<SigmoidFunction>(x, result);

    /// <summary>For every finite x; NaN at infinity.</summary>
    public static float Sin(float x) => SinPlusQuarters(x, 0);

    public static void Sin(ReadOnlySpan<float> x, Span<float> result) => MapQuarters<SinFunction>(x, result, 0);

    /// <inheritdoc cref="Sin(float)"/>
    public static float Cos(float x) => SinPlusQuarters(x, 1);

    public static void Cos(ReadOnlySpan<float> x, Span<float> result) => MapQuarters<CosFunction>(x, result, 1);

    /// <summary>1 / √x, both steps correctly rounded in f32.</summary>
    public static float Rsqrt(float x) => FloatBits.Canonical(1f / MathF.Sqrt(x));

    public static void Rsqrt(ReadOnlySpan<float> x, Span<float> result)
    {
        result = result[..x.Length];
        int i = 0;
        for (; i <= x.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            FloatBits.Canonical(Vector512<float>.One / Vector512.Sqrt(Vector512.Create(x[i..]))).CopyTo(result[i..]);
        }
        for (; i < x.Length; i++)
        {
            result[i] = Rsqrt(x[i]);
        }
    }

    /// <summary>x^y: e^(y·log|x|), negative for a negative x and an odd y. Negative x with a fractional y gives NaN.</summary>
    public static float Pow(float x, float y)
    {
        if (y == 0 || x == 1)
        {
            return 1;
        }
        bool isInteger = MathF.Floor(y) == y;
        if (float.IsNaN(x) || float.IsNaN(y) || (x < 0 && float.IsFinite(x) && !isInteger))
        {
            return FloatBits.CanonicalNaN;
        }
        // From 2^24 on every f32 is even.
        bool isOdd = isInteger && MathF.Abs(y) < 1 << 24 && ((int)y & 1) != 0;
        double exponent = MathF.Abs(x) == 1 ? 0 : y * ElementaryKernels.Log<ScalarArithmetic, double>(MathF.Abs(x));
        float magnitude = (float)ElementaryKernels.Exp<ScalarArithmetic, double>(exponent);
        return isOdd && float.IsNegative(x) ? -magnitude : magnitude;
    }

    private static float SinPlusQuarters(float x, int quarterTurns)
    {
        if (MathF.Abs(x) < TrigonometricReduction.Limit)
        {
            return (float)ElementaryKernels.SinPlusQuarters<ScalarArithmetic, double>(x, quarterTurns);
        }
        if (!float.IsFinite(x))
        {
            return FloatBits.CanonicalNaN;
        }
        double r = TrigonometricReduction.Reduce(x, out int quadrant);
        return (float)ElementaryKernels.SinOfQuadrant<ScalarArithmetic, double>(r, BitConverter.Int64BitsToDouble(quadrant + quarterTurns));
    }

    private static void MapQuarters<F>(ReadOnlySpan<float> x, Span<float> result, int quarterTurns) where F : IElementaryFunction
    {
        bool isSmall = true;
        foreach (float v in x)
        {
            isSmall &= MathF.Abs(v) < TrigonometricReduction.Limit;
        }
        if (isSmall)
        {
            ElementaryMap.Apply<F>(x, result);
            return;
        }
        for (int i = 0; i < x.Length; i++)
        {
            result[i] = SinPlusQuarters(x[i], quarterTurns);
        }
    }
}
