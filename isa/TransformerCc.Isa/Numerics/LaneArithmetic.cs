using System.Runtime.CompilerServices;

namespace TransformerCc.Isa.Numerics;

/// <summary>
/// The double-precision operations that the elementary functions are made of, over one value or a vector of them. Every one is
/// exact or correctly rounded by IEEE 754, so a function written once over this interface gives the same bits in
/// every lane, whichever implementation and host runs it.
/// </summary>
/// <typeparam name="V">double, or a vector of them. Masks are values whose bits are all ones or all zeros.</typeparam>
internal interface ILaneArithmetic<V>
{
    static abstract V Of(double value);
    static abstract V OfBits(long bits);
    static abstract V Add(V a, V b);
    static abstract V Subtract(V a, V b);
    static abstract V Multiply(V a, V b);
    static abstract V Divide(V a, V b);

    /// <summary>a·b + c, rounded once.</summary>
    static abstract V Fma(V a, V b, V c);

    static abstract V Less(V a, V b);
    static abstract V Equal(V a, V b);

    /// <summary>Bits of a where the mask is set, of b elsewhere.</summary>
    static abstract V Select(V mask, V a, V b);

    static abstract V And(V a, V b);
    static abstract V Xor(V a, V b);

    /// <summary>Adds the bits as 64-bit integers, modulo 2^64; likewise the others.</summary>
    static abstract V AddBits(V a, V b);
    static abstract V SubtractBits(V a, V b);
    static abstract V ShiftBitsLeft(V a, int count);
    static abstract V ShiftBitsRight(V a, int count);
}

/// <summary>One value.</summary>
internal readonly struct ScalarArithmetic : ILaneArithmetic<double>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Of(double value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double OfBits(long bits) => BitConverter.Int64BitsToDouble(bits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Add(double a, double b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Subtract(double a, double b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Multiply(double a, double b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Divide(double a, double b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Fma(double a, double b, double c) => Math.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Less(double a, double b) => OfBits(a < b ? -1 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Equal(double a, double b) => OfBits(a == b ? -1 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Select(double mask, double a, double b) => Bits(mask) != 0 ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double And(double a, double b) => OfBits(Bits(a) & Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Xor(double a, double b) => OfBits(Bits(a) ^ Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double AddBits(double a, double b) => OfBits(unchecked(Bits(a) + Bits(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SubtractBits(double a, double b) => OfBits(unchecked(Bits(a) - Bits(b)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double ShiftBitsLeft(double a, int count) => OfBits(Bits(a) << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double ShiftBitsRight(double a, int count) => OfBits(Bits(a) >>> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Bits(double x) => BitConverter.DoubleToInt64Bits(x);
}
