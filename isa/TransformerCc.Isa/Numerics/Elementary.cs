using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TransformerCc.Isa.Numerics;

/// <summary>
/// Elementary functions on f32, frozen: the same bits on every host, in a span or alone. Errors are at most 0.51 ulp over
/// the whole range, denormal results included. Special values follow IEEE 754-2019 section 9.2; every NaN is canonical.
/// Spans may be the same memory, not otherwise overlap.
/// </summary>
public static class Elementary
{
    public static float Exp(float x) => Apply<ExpFunction>(x);

    public static void Exp(ReadOnlySpan<float> x, Span<float> result) => Map<ExpFunction>(x, result);

    /// <summary>Natural logarithm; −∞ at ±0, NaN below.</summary>
    public static float Log(float x) => Apply<LogFunction>(x);

    public static void Log(ReadOnlySpan<float> x, Span<float> result) => Map<LogFunction>(x, result);

    public static float Erf(float x) => Apply<ErfFunction>(x);

    public static void Erf(ReadOnlySpan<float> x, Span<float> result) => Map<ErfFunction>(x, result);

    public static float Tanh(float x) => Apply<TanhFunction>(x);

    public static void Tanh(ReadOnlySpan<float> x, Span<float> result) => Map<TanhFunction>(x, result);

    /// <summary>1 / (1 + e^−x).</summary>
    public static float Sigmoid(float x) => Apply<SigmoidFunction>(x);

    public static void Sigmoid(ReadOnlySpan<float> x, Span<float> result) => Map<SigmoidFunction>(x, result);

    /// <summary>For every finite x; NaN at infinity.</summary>
    public static float Sin(float x) => SinPlusQuarters(x, 0);

    public static void Sin(ReadOnlySpan<float> x, Span<float> result) => MapQuarters(x, result, 0);

    /// <inheritdoc cref="Sin(float)"/>
    public static float Cos(float x) => SinPlusQuarters(x, 1);

    public static void Cos(ReadOnlySpan<float> x, Span<float> result) => MapQuarters(x, result, 1);

    /// <summary>1 / √x, both steps correctly rounded in f32.</summary>
    public static float Rsqrt(float x) => FloatBits.Canonical(1f / MathF.Sqrt(x));

    public static void Rsqrt(ReadOnlySpan<float> x, Span<float> result)
    {
        for (int i = 0; i < x.Length; i++)
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

    private static void MapQuarters(ReadOnlySpan<float> x, Span<float> result, int quarterTurns)
    {
        result = result[..x.Length];
        int i = 0;
        for (; i <= x.Length - 16; i += 16)
        {
            Vector512<float> v = Vector512.Create(x[i..]);
            if (!Vector512.LessThanAll(Vector512.Abs(v), Vector512.Create(TrigonometricReduction.Limit)))
            {
                for (int j = i; j < i + 16; j++)
                {
                    result[j] = SinPlusQuarters(x[j], quarterTurns);
                }
                continue;
            }
            (Vector512<double> low, Vector512<double> high) = Vector512.Widen(v);
            Vector512.Narrow(ElementaryKernels.SinPlusQuarters<VectorArithmetic, Vector512<double>>(low, quarterTurns),
                ElementaryKernels.SinPlusQuarters<VectorArithmetic, Vector512<double>>(high, quarterTurns)).CopyTo(result[i..]);
        }
        for (; i < x.Length; i++)
        {
            result[i] = SinPlusQuarters(x[i], quarterTurns);
        }
    }

    private static float Apply<F>(float x) where F : IFunction => FloatBits.Canonical((float)F.Of<ScalarArithmetic, double>(x));

    private static void Map<F>(ReadOnlySpan<float> x, Span<float> result) where F : IFunction
    {
        result = result[..x.Length];
        int i = 0;
        for (; i <= x.Length - 16; i += 16)
        {
            (Vector512<double> low, Vector512<double> high) = Vector512.Widen(Vector512.Create(x[i..]));
            low = F.Of<VectorArithmetic, Vector512<double>>(low);
            high = F.Of<VectorArithmetic, Vector512<double>>(high);
            FloatBits.Canonical(Vector512.Narrow(low, high)).CopyTo(result[i..]);
        }
        for (; i < x.Length; i++)
        {
            result[i] = Apply<F>(x[i]);
        }
    }

    private interface IFunction
    {
        static abstract V Of<A, V>(V x) where A : ILaneArithmetic<V>;
    }

    private readonly struct ExpFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Exp<A, V>(x);
    }

    private readonly struct LogFunction : IFunction
    {
        public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Log<A, V>(x);
    }

    private readonly struct ErfFunction : IFunction
    {
        public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Erf<A, V>(x);
    }

    private readonly struct TanhFunction : IFunction
    {
        public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Tanh<A, V>(x);
    }

    private readonly struct SigmoidFunction : IFunction
    {
        public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Sigmoid<A, V>(x);
    }
}
