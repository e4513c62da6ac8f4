using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TransformerCc.Isa.Numerics;

/// <summary>
/// Sums of a row in f32 in the frozen order: 16 lanes start at +0 (product: 1), element i is combined into lane i mod 16
/// in ascending order, then a tree combines lane l with lane l + 8, 4, 2, 1. Terms such as x·x round before they are
/// added. NaN is canonical.
/// </summary>
public static class RowSums
{
    private const int Lanes = 16;

    public static float Sum(ReadOnlySpan<float> x) => Combine(x, new Identity(), new Addition());

    /// <summary>Σ x·x.</summary>
    public static float SumSquares(ReadOnlySpan<float> x) => Combine(x, new Square(), new Addition());

    /// <summary>Σ |x|.</summary>
    public static float SumAbs(ReadOnlySpan<float> x) => Combine(x, new Magnitude(), new Addition());

    /// <summary>Σ (x − mean)², the second pass of a variance.</summary>
    public static float SumSquaredDeviations(ReadOnlySpan<float> x, float mean) => Combine(x, new SquaredDeviation(Vector512.Create(mean)), new Addition());

    public static float Product(ReadOnlySpan<float> x) => Combine(x, new Identity(), new Multiplication());

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Combine<TTerm, TOperation>(ReadOnlySpan<float> x, TTerm term, TOperation operation)
        where TTerm : struct, ITerm where TOperation : struct, IOperation
    {
        Vector512<float> lanes = TOperation.Neutral;
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            lanes = TOperation.Combine(lanes, term.Of(Vector512.Create(x[i..])));
        }
        if (i < x.Length)
        {
            // Lanes past the end take the neutral element, which changes no bit: a sum is never −0, since it began at +0.
            Span<float> tail = stackalloc float[Lanes];
            tail.Clear();
            x[i..].CopyTo(tail);
            Vector512<float> isInside = Vector512.LessThan(Vector512<float>.Indices, Vector512.Create((float)(x.Length - i)));
            lanes = TOperation.Combine(lanes, Vector512.ConditionalSelect(isInside, term.Of(Vector512.Create<float>(tail)), TOperation.Neutral));
        }
        Vector256<float> eight = TOperation.Combine(lanes.GetLower(), lanes.GetUpper());
        Vector128<float> four = TOperation.Combine(eight.GetLower(), eight.GetUpper());
        float even = TOperation.Combine(four[0], four[2]), odd = TOperation.Combine(four[1], four[3]);
        return FloatBits.Canonical(TOperation.Combine(even, odd));
    }

    private interface ITerm
    {
        Vector512<float> Of(Vector512<float> x);
    }

    private interface IOperation
    {
        static abstract Vector512<float> Neutral { get; }
        static abstract Vector512<float> Combine(Vector512<float> a, Vector512<float> b);
        static abstract Vector256<float> Combine(Vector256<float> a, Vector256<float> b);
        static abstract Vector128<float> Combine(Vector128<float> a, Vector128<float> b);
        static abstract float Combine(float a, float b);
    }

    private readonly struct Identity : ITerm
    {
        public Vector512<float> Of(Vector512<float> x) => x;
    }

    private readonly struct Square : ITerm
    {
        public Vector512<float> Of(Vector512<float> x) => x * x;
    }

    private readonly struct Magnitude : ITerm
    {
        public Vector512<float> Of(Vector512<float> x) => Vector512.Abs(x);
    }

    private readonly struct SquaredDeviation(Vector512<float> mean) : ITerm
    {
        public Vector512<float> Of(Vector512<float> x)
        {
            Vector512<float> d = x - mean;
            return d * d;
        }
    }

    private readonly struct Addition : IOperation
    {
        public static Vector512<float> Neutral => Vector512<float>.Zero;
        public static Vector512<float> Combine(Vector512<float> a, Vector512<float> b) => a + b;
        public static Vector256<float> Combine(Vector256<float> a, Vector256<float> b) => a + b;
        public static Vector128<float> Combine(Vector128<float> a, Vector128<float> b) => a + b;
        public static float Combine(float a, float b) => a + b;
    }

    private readonly struct Multiplication : IOperation
    {
        public static Vector512<float> Neutral => Vector512<float>.One;
        public static Vector512<float> Combine(Vector512<float> a, Vector512<float> b) => a * b;
        public static Vector256<float> Combine(Vector256<float> a, Vector256<float> b) => a * b;
        public static Vector128<float> Combine(Vector128<float> a, Vector128<float> b) => a * b;
        public static float Combine(float a, float b) => a * b;
    }
}
