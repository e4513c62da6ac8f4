using System.Runtime.Intrinsics;

namespace TransformerCc.Isa.Numerics;

/// <summary>Facts of IEEE 754 arithmetic that hosts disagree on, fixed: the bits of NaN, minimum and maximum.</summary>
public static class FloatBits
{
    /// <summary>The only NaN that TX1 writes. x86 makes 0xFFC00000, Arm 0x7FC00000.</summary>
    public const uint CanonicalNaNBits = 0x7FC0_0000;

    public static readonly float CanonicalNaN = BitConverter.UInt32BitsToSingle(CanonicalNaNBits);

    public static float Canonical(float x) => float.IsNaN(x) ? CanonicalNaN : x;

    public static Vector512<float> Canonical(Vector512<float> x) =>
        Vector512.ConditionalSelect(Vector512.Equals(x, x), x, Vector512.Create(CanonicalNaN));

    public static Vector256<float> Canonical(Vector256<float> x) =>
        Vector256.ConditionalSelect(Vector256.Equals(x, x), x, Vector256.Create(CanonicalNaN));

    public static Vector128<float> Canonical(Vector128<float> x) =>
        Vector128.ConditionalSelect(Vector128.Equals(x, x), x, Vector128.Create(CanonicalNaN));

    /// <summary>Replaces every NaN of the span by the canonical one.</summary>
    public static void Canonicalize(Span<float> values)
    {
        int i = 0;
        for (; i <= values.Length - 16; i += 16)
        {
            Canonical(Vector512.Create<float>(values[i..])).CopyTo(values[i..]);
        }
        for (; i < values.Length; i++)
        {
            values[i] = Canonical(values[i]);
        }
    }

    /// <summary>IEEE 754-2019 minimum: NaN if either is, −0 below +0.</summary>
    public static float Minimum(float a, float b) => Canonical(MathF.Min(a, b));

    /// <summary>IEEE 754-2019 maximum: NaN if either is, −0 below +0.</summary>
    public static float Maximum(float a, float b) => Canonical(MathF.Max(a, b));
}
