using System.Runtime.Intrinsics;

namespace TransformerCc.Runtime.Kernels;

/// <summary>One loop for every function of lanes; the tail goes through a padded vector, so each element sees the same operation.</summary>
internal interface IUnaryLanes
{
    static abstract Vector512<float> Of(Vector512<float> x);
}

internal interface IBinaryLanes
{
    static abstract Vector512<float> Of(Vector512<float> x, Vector512<float> y);
}

internal static class VectorLoops
{
    private const int Lanes = 16;

    public static void Map<TOp>(ReadOnlySpan<float> x, Span<float> result) where TOp : struct, IUnaryLanes
    {
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            TOp.Of(Vector512.Create(x[i..])).CopyTo(result[i..]);
        }
        if (i < x.Length)
        {
            TOp.Of(Partial(x[i..])).StorePartial(result[i..x.Length]);
        }
    }

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
    public static Vector512<float> Of(Vector512<float> x) => -x;
}

internal readonly struct AbsLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512.Abs(x);
}

internal readonly struct FloorLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512.Floor(x);
}

internal readonly struct CeilingLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512.Ceiling(x);
}

internal readonly struct SqrtLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512.Sqrt(x);
}

internal readonly struct RsqrtLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512<float>.One / Vector512.Sqrt(x);
}

internal readonly struct ReciprocalLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512<float>.One / x;
}

/// <summary>maximum(x, +0).</summary>
internal readonly struct ReluLanes : IUnaryLanes
{
    public static Vector512<float> Of(Vector512<float> x) => Vector512.Max(x, Vector512<float>.Zero);
}
