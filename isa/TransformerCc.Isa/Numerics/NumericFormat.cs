using System.Runtime.CompilerServices;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.Numerics;

/// <summary>
/// Conversions between number formats, one element at a time; <c>NumericFormat.Spans.cs</c> does rows. Frozen: round to
/// nearest even, denormals kept, NaN becomes the canonical NaN of the target (f32 0x7FC00000, f64 0x7FF8000000000000,
/// bf16 0x7FC0, f16 0x7E00, e4m3 0x7F, e5m2 0x7E, fnuz 0x80, e8m0 0xFF). Overflow gives infinity, in floats of 8 bits and
/// fewer the largest finite value; an infinity stays one where the format has it.
/// </summary>
public static partial class NumericFormat
{
    public const ushort CanonicalBF16 = 0x7FC0, CanonicalF16 = 0x7E00;

    public const ulong CanonicalF64Bits = 0x7FF8_0000_0000_0000;

    public static float FromBF16(ushort bits) => FloatBits.Canonical(BitConverter.UInt32BitsToSingle((uint)bits << 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ToBF16(float x)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x);
        // Adding just under half of the last kept bit, and that bit itself, carries exactly where nearest even rounds up.
        return float.IsNaN(x) ? CanonicalBF16 : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    public static float FromF16(ushort bits) => FloatBits.Canonical((float)BitConverter.UInt16BitsToHalf(bits));

    public static ushort ToF16(float x) => float.IsNaN(x) ? CanonicalF16 : BitConverter.HalfToUInt16Bits((Half)x);

    public static float FromF8E4M3(byte bits) => SmallFloat.FromE4M3(bits);

    /// <summary>Values beyond ±448 and infinities saturate.</summary>
    public static byte ToF8E4M3(float x) => SmallFloat.ToE4M3(x);

    public static float FromF8E5M2(byte bits) => SmallFloat.FromE5M2(bits);

    /// <summary>Finite values beyond ±57344 saturate.</summary>
    public static byte ToF8E5M2(float x) => SmallFloat.ToE5M2(x);

    /// <summary>An integer narrower than a byte from the low bits of one.</summary>
    public static long FromSubByte(ElementType type, byte code)
    {
        int unused = 64 - type.Bits();
        return type.IsSigned() ? (long)code << unused >> unused : (long)((ulong)code << unused >> unused);
    }

    /// <summary>Keeps the low bits: integers narrower than a byte wrap, whatever they come from (ONNX Cast). Signed ones fill the byte with their sign.</summary>
    public static byte ToSubByte(ElementType type, long x) => (byte)FromSubByte(type, unchecked((byte)x));

    public static float FromF64(double x) => FloatBits.Canonical((float)x);

    public static double ToF64(float x) => float.IsNaN(x) ? BitConverter.UInt64BitsToDouble(CanonicalF64Bits) : x;

    /// <summary>Truncates towards zero and saturates; NaN gives 0.</summary>
    public static long ToInt64(double x) => long.CreateSaturating(x);

    /// <inheritdoc cref="ToInt64"/>
    public static ulong ToUInt64(double x) => ulong.CreateSaturating(x);

    /// <summary>Rounded once, to nearest even.</summary>
    public static float FromInt64(long x) => x < 0 ? -FromUInt64(unchecked((ulong)-x)) : FromUInt64((ulong)x);

    /// <summary>Rounded once, to nearest even.</summary>
    public static float FromUInt64(ulong x)
    {
        // Above 2^53 the way through double would round twice: fold the low 11 bits into a sticky bit first.
        return x < 1UL << 53 ? (float)(double)x : (float)((double)((x >> 11) | ((x & 0x7FF) == 0 ? 0UL : 1UL)) * 2048.0);
    }

    /// <summary>An integer or boolean format from f32: truncates towards zero and saturates to the format; NaN gives 0.</summary>
    public static T SaturateTo<T>(float x) where T : struct, System.Numerics.IBinaryInteger<T> => T.CreateSaturating(x);
}
