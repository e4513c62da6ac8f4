using System.Numerics;
using System.Runtime.InteropServices;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Isa.Numerics;

/// <summary>Conversions: every code of the narrow formats, every rounding case between neighbours, integers by value.</summary>
public class NumericFormatTests
{
    public static TheoryData<ElementType> NarrowFloats => [ElementType.BF16, ElementType.F16, ElementType.F8E4M3, ElementType.F8E5M2];

    public static TheoryData<ElementType> AllFormats => [.. ElementTypes.All];

    [Theory]
    [MemberData(nameof(NarrowFloats))]
    public void Every_code_survives_widening_and_narrowing(ElementType type)
    {
        float[] values = Decode(type);
        byte[] bytes = Encode(type, values);
        for (int code = 0; code < values.Length; code++)
        {
            int back = Code(type, bytes, code);
            if (float.IsNaN(values[code]))
            {
                Assert.Equal(FloatBits.CanonicalNaNBits, BitConverter.SingleToUInt32Bits(values[code]));
                Assert.Equal(CanonicalNaN(type), back);
            }
            else
            {
                Assert.Equal(code, back);
            }
        }
    }

    [Theory]
    [MemberData(nameof(NarrowFloats))]
    public void Values_between_neighbours_round_to_nearest_even(ElementType type)
    {
        float[] values = Decode(type);
        var inputs = new List<float>();
        var expected = new List<int>();
        for (int code = 0; code + 1 < values.Length / 2 && float.IsFinite(values[code + 1]); code++)
        {
            // The midpoint of neighbours has one bit more than they have: exact in f32.
            float middle = (values[code] / 2) + (values[code + 1] / 2);
            middle = values[code + 1] < 1e-30f ? (float)(((double)values[code] + values[code + 1]) / 2) : middle;
            inputs.AddRange([float.BitDecrement(middle), middle, float.BitIncrement(middle), -middle]);
            int even = (code & 1) == 0 ? code : code + 1;
            expected.AddRange([code, even, code + 1, even | (values.Length / 2)]);
        }
        byte[] bytes = Encode(type, [.. inputs]);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i], Code(type, bytes, i));
        }
    }

    [Theory]
    [InlineData(ElementType.BF16, 3.4e38f, 0x7F80)]
    [InlineData(ElementType.BF16, float.NegativeInfinity, 0xFF80)]
    [InlineData(ElementType.F16, 65519.996f, 0x7BFF)]
    [InlineData(ElementType.F16, 65520f, 0x7C00)]
    [InlineData(ElementType.F8E4M3, 464f, 0x7E)]
    [InlineData(ElementType.F8E4M3, 1e30f, 0x7E)]
    [InlineData(ElementType.F8E4M3, float.NegativeInfinity, 0xFE)]
    [InlineData(ElementType.F8E5M2, -65536f, 0xFB)]
    [InlineData(ElementType.F8E5M2, float.PositiveInfinity, 0x7C)]
    [InlineData(ElementType.F8E4M3, float.Epsilon, 0x00)]
    public void Overflow_follows_the_stated_rule(ElementType type, float value, int code) =>
        Assert.Equal(code, Code(type, Encode(type, [value]), 0));

    /// <summary>Goldens of ONNX's own Cast tests, and the ends of each format.</summary>
    [Theory]
    [InlineData(ElementType.F8E4M3FNUZ, new[] { 0.4789254665f, 1e6f, float.NaN, float.NegativeInfinity, -1e-7f, -240f }, new byte[] { 55, 127, 128, 255, 0, 255 })]
    [InlineData(ElementType.F8E5M2FNUZ, new[] { 0.5f, 1e6f, float.NaN, -57344f, -0f }, new byte[] { 60, 127, 128, 255, 0 })]
    [InlineData(ElementType.F4E2M1, new[] { 0.48f, 0.25f, 1.05f, -3.5f, -8f, 9f, float.NaN, -0f, 6f }, new byte[] { 1, 0, 2, 14, 15, 7, 8, 8, 7 })]
    [InlineData(ElementType.F8E8M0, new[] { 1f, 2f, 2.1f, 0f, float.NaN, float.PositiveInfinity, 1e-38f }, new byte[] { 127, 128, 129, 0, 255, 254, 1 })]
    [InlineData(ElementType.I4, new[] { -9f, -8f, 7.9f, 8f, 15f }, new byte[] { 7, 0xF8, 7, 0xF8, 0xFF })]
    [InlineData(ElementType.U4, new[] { -9f, 15f, 16f }, new byte[] { 7, 15, 0 })]
    [InlineData(ElementType.I2, new[] { -3f, -2f, 1f, 2f }, new byte[] { 1, 0xFE, 1, 0xFE })]
    [InlineData(ElementType.U2, new[] { -3f, 3f, 4f }, new byte[] { 1, 3, 0 })]
    public void Small_formats_round_as_onnx_does(ElementType type, float[] values, byte[] codes)
    {
        Assert.Equal(codes, Encode(type, values));
        var wide = new float[codes.Length];
        NumericFormat.WidenToF32(type, codes, wide);
        Assert.Equal(codes.Where((_, i) => float.IsFinite(values[i])), Encode(type, [.. wide.Where((_, i) => float.IsFinite(values[i]))]));
    }

    [Fact]
    public void F16_agrees_with_the_platform()
    {
        foreach (float x in Reference.AllMagnitudes(200_003))
        {
            int expected = float.IsNaN(x) ? NumericFormat.CanonicalF16 : BitConverter.HalfToUInt16Bits((Half)x);
            Assert.Equal(expected, NumericFormat.ToF16(x));
        }
    }

    /// <summary>The vector loops must give what the conversion of one element gives, at every offset into a vector.</summary>
    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Rows_and_single_elements_agree(ElementType type)
    {
        float[] x = [.. Reference.AllMagnitudes(5_000_011)];
        byte[] row = Encode(type, x);
        var back = new float[x.Length];
        NumericFormat.WidenToF32(type, row, back);
        int size = type.Size();
        for (int i = 0; i < x.Length; i++)
        {
            byte[] one = Encode(type, [x[i]]);
            Assert.True(one.AsSpan().SequenceEqual(row.AsSpan(i * size, size)), $"{type.Name()} of {x[i]:r}");
            float[] wide = [0];
            NumericFormat.WidenToF32(type, one, wide);
            Assert.Equal(BitConverter.SingleToUInt32Bits(wide[0]), BitConverter.SingleToUInt32Bits(back[i]));
        }
    }

    [Fact]
    public void Floats_become_integers_by_truncation_and_saturation()
    {
        float[] x = [1.9f, -1.9f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 300f, -300f, 3e9f, -0.5f];
        Assert.Equal<sbyte>([1, -1, 0, 127, -128, 127, -128, 127, 0], MemoryMarshal.Cast<byte, sbyte>(Encode(ElementType.I8, x)).ToArray());
        Assert.Equal<byte>([1, 0, 0, 255, 0, 255, 0, 255, 0], Encode(ElementType.U8, x));
        Assert.Equal<int>([1, -1, 0, int.MaxValue, int.MinValue, 300, -300, int.MaxValue, 0], MemoryMarshal.Cast<byte, int>(Encode(ElementType.I32, x)).ToArray());
        Assert.Equal<uint>([1, 0, 0, uint.MaxValue, 0, 300, 0, 3000000000, 0], MemoryMarshal.Cast<byte, uint>(Encode(ElementType.U32, x)).ToArray());
        Assert.Equal<long>([1, -1, 0, long.MaxValue, long.MinValue, 300, -300, 3000000000, 0], MemoryMarshal.Cast<byte, long>(Encode(ElementType.I64, x)).ToArray());
        Assert.Equal<byte>([1, 1, 1, 1, 1, 1, 1, 1, 1], Encode(ElementType.Bool, x));
    }

    [Fact]
    public void Integers_narrow_modulo_their_width()
    {
        long[] x = [0, 1, -1, 255, 256, 65537, 1L << 32, long.MinValue, long.MaxValue];
        foreach (ElementType type in ElementTypes.All.Where(t => t.IsInteger()))
        {
            var bytes = new byte[x.Length * type.Size()];
            NumericFormat.NarrowFromInt64(type, x, bytes);
            var back = new long[x.Length];
            NumericFormat.WidenToInt64(type, bytes, back);
            int drop = 64 - type.Bits();
            Assert.Equal(x.Select(v => type.IsSigned() ? (v << drop) >> drop : (long)(((ulong)v << drop) >> drop)), back);
        }
        var flags = new byte[x.Length];
        NumericFormat.NarrowFromInt64(ElementType.Bool, x, flags);
        Assert.Equal<byte>([0, 1, 1, 1, 1, 1, 1, 1, 1], flags);
    }

    [Fact]
    public void Integers_become_f32_with_one_rounding()
    {
        var random = new Random(2);
        for (int i = 0; i < 100_000; i++)
        {
            ulong x = (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            // Near midpoints of f32, where two roundings go wrong.
            x = i % 2 == 0 && x > 1UL << 40 ? (x & (ulong.MaxValue << (BitOperations.Log2(x) - 24))) + (ulong)random.Next(3) - 1 : x;
            Assert.Equal(Nearest(x), NumericFormat.FromUInt64(x));
            Assert.Equal(-Nearest(x >> 1), NumericFormat.FromInt64(-(long)(x >> 1)));
        }
        Assert.Equal(-9223372036854775808f, NumericFormat.FromInt64(long.MinValue));

        static float Nearest(ulong x)
        {
            int drop = x == 0 ? 0 : int.Max(BitOperations.Log2(x) - 23, 0);
            ulong kept = x >> drop, rest = x - (kept << drop), half = drop == 0 ? 1 : 1UL << (drop - 1);
            kept += rest > half || (rest == half && drop > 0 && (kept & 1) == 1) ? 1UL : 0;
            return (float)Math.ScaleB(kept, drop);
        }
    }

    [Fact]
    public void Minimum_and_maximum_follow_ieee_754_2019()
    {
        Assert.True(float.IsNegative(FloatBits.Minimum(0f, -0f)) && float.IsNegative(FloatBits.Minimum(-0f, 0f)));
        Assert.False(float.IsNegative(FloatBits.Maximum(0f, -0f)) || float.IsNegative(FloatBits.Maximum(-0f, 0f)));
        float odd = BitConverter.UInt32BitsToSingle(0xFFC0_1234);
        foreach (float x in (float[])[FloatBits.Minimum(odd, 1), FloatBits.Minimum(1, odd), FloatBits.Maximum(odd, 1), FloatBits.Maximum(1, odd)])
        {
            Assert.Equal(FloatBits.CanonicalNaNBits, BitConverter.SingleToUInt32Bits(x));
        }
    }

    private static float[] Decode(ElementType type)
    {
        int count = 1 << (8 * type.Size());
        var bytes = new byte[count * type.Size()];
        for (int code = 0; code < count; code++)
        {
            bytes[code * type.Size()] = (byte)code;
            if (type.Size() == 2)
            {
                bytes[(code * 2) + 1] = (byte)(code >> 8);
            }
        }
        var values = new float[count];
        NumericFormat.WidenToF32(type, bytes, values);
        return values;
    }

    private static byte[] Encode(ElementType type, float[] values)
    {
        var bytes = new byte[values.Length * type.Size()];
        NumericFormat.NarrowFromF32(type, values, bytes);
        return bytes;
    }

    private static int Code(ElementType type, byte[] bytes, int index) =>
        type.Size() == 1 ? bytes[index] : bytes[2 * index] | (bytes[(2 * index) + 1] << 8);

    private static int CanonicalNaN(ElementType type) => type switch
    {
        ElementType.BF16 => 0x7FC0,
        ElementType.F16 => 0x7E00,
        ElementType.F8E4M3 => 0x7F,
        _ => 0x7E,
    };
}
