using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TransformerCc.Isa.Numerics;

/// <summary>A kernel as a type, so that one loop serves all functions and the compiler sees through it.</summary>
internal interface IElementaryFunction
{
    static abstract V Of<A, V>(V x) where A : ILaneArithmetic<V>;
}

/// <summary>
/// Applies a function to f32: widen to double, compute, round once, make NaN canonical. Compiled fully at the first
/// call: a run of the emulator is too short to wait for the tiers.
/// </summary>
internal static class ElementaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Apply<F>(float x) where F : IElementaryFunction => FloatBits.Canonical((float)F.Of<ScalarArithmetic, double>(x));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<F>(ReadOnlySpan<float> x, Span<float> result) where F : IElementaryFunction
    {
        result = result[..x.Length];
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i <= x.Length - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                (Vector512<double> low, Vector512<double> high) = Vector512.Widen(Vector512.Create(x[i..]));
                FloatBits.Canonical(Vector512.Narrow(F.Of<EightLanes, Vector512<double>>(low), F.Of<EightLanes, Vector512<double>>(high))).CopyTo(result[i..]);
            }
        }
        for (; i <= x.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.Create(x[i..]));
            FloatBits.Canonical(Vector256.Narrow(F.Of<FourLanes, Vector256<double>>(low), F.Of<FourLanes, Vector256<double>>(high))).CopyTo(result[i..]);
        }
        for (; i < x.Length; i++)
        {
            result[i] = Apply<F>(x[i]);
        }
    }
}

internal readonly struct ExpFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Exp<A, V>(x);
}

internal readonly struct LogFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Log<A, V>(x);
}

internal readonly struct ErfFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Erf<A, V>(x);
}

internal readonly struct TanhFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Tanh<A, V>(x);
}

internal readonly struct SigmoidFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.Sigmoid<A, V>(x);
}

internal readonly struct SinFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.SinPlusQuarters<A, V>(x, 0);
}

internal readonly struct CosFunction : IElementaryFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<A, V>(V x) where A : ILaneArithmetic<V> => ElementaryKernels.SinPlusQuarters<A, V>(x, 1);
}
