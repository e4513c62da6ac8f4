using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TransformerCc.Isa.Numerics;

namespace TransformerCc.Runtime.Kernels;

/// <summary>A function of one element on sixteen lanes; constants are its fields.</summary>
internal interface IUnaryLanes
{
    Vector512<float> Of(Vector512<float> x);
}

internal interface IBinaryLanes
{
    static abstract Vector512<float> Of(Vector512<float> x, Vector512<float> y);
}

/// <summary>One loop for every function of lanes; the tail goes through a padded vector, so each element sees the same operation.</summary>
/// <remarks>Optimised at the first call: a run is often over before the tiers of the JIT have noticed it.</remarks>
internal static class VectorLoops
{
    private const int Lanes = 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<TOp>(ReadOnlySpan<float> x, Span<float> result, TOp op = default) where TOp : struct, IUnaryLanes
    {
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            op.Of(Vector512.Create(x[i..])).CopyTo(result[i..]);
        }
        if (i < x.Length)
        {
            op.Of(Partial(x[i..])).StorePartial(result[i..x.Length]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<TOp>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> result) where TOp : struct, IBinaryLanes
    {
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            TOp.Of(Vector512.Create(x[i..]), Vector512.Create(y[i..])).CopyTo(result[i..]);
        }
        if (i < x.Length)
        {
            TOp.Of(Partial(x[i..]), Partial(y[i..x.Length])).StorePartial(result[i..x.Length]);
        }
    }

    /// <summary>fma(x, y, z).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FusedMultiplyAdd(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> z, Span<float> result)
    {
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            Vector512.FusedMultiplyAdd(Vector512.Create(x[i..]), Vector512.Create(y[i..]), Vector512.Create(z[i..])).CopyTo(result[i..]);
        }
        for (; i < x.Length; i++)
        {
            result[i] = MathF.FusedMultiplyAdd(x[i], y[i], z[i]);
        }
    }

    /// <summary>IEEE 754-2019 maximum of all, −∞ of none; it does not depend on the order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Maximum(ReadOnlySpan<float> x)
    {
        float m = float.NegativeInfinity;
        int i = 0;
        if (x.Length >= Lanes)
        {
            Vector512<float> lanes = Vector512.Create(x);
            for (i = Lanes; i <= x.Length - Lanes; i += Lanes)
            {
                lanes = Vector512.Max(lanes, Vector512.Create(x[i..]));
            }
            for (int l = 0; l < Lanes; l++)
            {
                m = MathF.Max(m, lanes[l]);
            }
        }
        for (; i < x.Length; i++)
        {
            m = MathF.Max(m, x[i]);
        }
        return FloatBits.Canonical(m);
    }

    private static Vector512<float> Partial(ReadOnlySpan<float> x)
    {
        Span<float> padded = stackalloc float[Lanes];
        padded.Clear();
        x.CopyTo(padded);
        return Vector512.Create<float>(padded);
    }

    private static void StorePartial(this Vector512<float> v, Span<float> result)
    {
        Span<float> padded = stackalloc float[Lanes];
        v.CopyTo(padded);
        padded[..result.Length].CopyTo(result);
    }
}

internal readonly struct AddLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => x + y;
}

internal readonly struct SubtractLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => x - y;
}

internal readonly struct MultiplyLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => x * y;
}

internal readonly struct DivideLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => x / y;
}

/// <summary>IEEE 754-2019 minimum.</summary>
internal readonly struct MinimumLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => Vector512.Min(x, y);
}

internal readonly struct MaximumLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => Vector512.Max(x, y);
}

internal readonly struct NegateLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => -x;
}

internal readonly struct AbsLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512.Abs(x);
}

internal readonly struct FloorLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512.Floor(x);
}

internal readonly struct CeilingLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512.Ceiling(x);
}

internal readonly struct SqrtLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512.Sqrt(x);
}

internal readonly struct RsqrtLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512<float>.One / Vector512.Sqrt(x);
}

internal readonly struct ReciprocalLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512<float>.One / x;
}

/// <summary>maximum(x, +0).</summary>
internal readonly struct ReluLanes : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512.Max(x, Vector512<float>.Zero);
}

internal readonly struct ScaleLanes(float factor) : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => x * Vector512.Create(factor);
}

internal readonly struct DivideByLanes(float divisor) : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => x / Vector512.Create(divisor);
}

/// <summary>(x − subtrahend) · factor; a subtrahend of 0 changes no bit.</summary>
internal readonly struct ShiftScaleLanes(float subtrahend, float factor) : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => (x - Vector512.Create(subtrahend)) * Vector512.Create(factor);
}

internal readonly struct SubtractFromLanes(float subtrahend) : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => x - Vector512.Create(subtrahend);
}

/// <summary>(x · 0.5) · (1 + y).</summary>
internal readonly struct HalfTimesOnePlusLanes : IBinaryLanes
{
    public static Vector512<float> Of(Vector512<float> x, Vector512<float> y) => x * Vector512.Create(0.5f) * (Vector512<float>.One + y);
}

/// <summary>scale · fma(cubic, x³, x).</summary>
internal readonly struct CubicLanes(float scale, float cubic) : IUnaryLanes
{
    public Vector512<float> Of(Vector512<float> x) => Vector512.Create(scale) * Vector512.FusedMultiplyAdd(Vector512.Create(cubic), x * x * x, x);
}
