namespace TransformerCc.Isa.Numerics;

/// <summary>
/// Floats of 8 bits and fewer. E4M3 and E5M2: OCP specification "8-bit Floating Point (OFP8)", revision 1.0. E2M1 and
/// E8M0: OCP "Microscaling Formats (MX)", version 1.0. FNUZ ("finite, no negative zero"): arXiv:2206.02915. Rounding to
/// nearest even, denormals kept. What exceeds the largest finite value saturates to it; so do infinities, except in E5M2,
/// which has them.
/// </summary>
internal static class SmallFloat
{
    private const int E4M3Mantissa = 3, E4M3Bias = 7, E5M2Mantissa = 2, E5M2Bias = 15;

    /// <summary>S.1111.111 is NaN; the largest finite value is S.1111.110 = 448.</summary>
    private const byte E4M3NaN = 0x7F, E4M3Max = 0x7E;

    /// <summary>S.11111.00 is infinity, larger codes are NaN; the largest finite value is S.11110.11 = 57344.</summary>
    private const byte E5M2NaN = 0x7E, E5M2Max = 0x7B, E5M2Infinity = 0x7C;

    /// <summary>Bias 8, codes up to S.1111.111 = 240; the code of the negative zero is the only NaN.</summary>
    private const int E4M3FnuzBias = 8, E5M2FnuzBias = 16;

    private const byte FnuzNaN = 0x80, FnuzMax = 0x7F;

    /// <summary>S.11.1 = 6; neither infinity nor NaN, for which the code of the negative zero stands, as in ONNX.</summary>
    private const int E2M1Mantissa = 1, E2M1Bias = 1;

    private const byte E2M1Max = 0x7, E2M1Sign = 0x8;

    private static readonly float[] s_e4m3fnuz = Table(code => code == FnuzNaN ? float.NaN : Decode(code, E4M3Mantissa, E4M3FnuzBias));

    private static readonly float[] s_e5m2fnuz = Table(code => code == FnuzNaN ? float.NaN : Decode(code, E5M2Mantissa, E5M2FnuzBias));

    private static readonly float[] s_e2m1 = Table(code => Decode((code & E2M1Max) | ((code & E2M1Sign) << 4), E2M1Mantissa, E2M1Bias));

    private static readonly float[] s_e4m3 = Table(code => (code & 0x7F) == E4M3NaN ? float.NaN : Decode(code, E4M3Mantissa, E4M3Bias));

    private static readonly float[] s_e5m2 = Table(code => (code & 0x7F) switch
    {
        < E5M2Infinity => Decode(code, E5M2Mantissa, E5M2Bias),
        E5M2Infinity => code < 0x80 ? float.PositiveInfinity : float.NegativeInfinity,
        _ => float.NaN,
    });

    public static float FromE4M3(byte code) => s_e4m3[code];

    public static float FromE5M2(byte code) => s_e5m2[code];

    public static byte ToE4M3(float x) => Encode(x, E4M3Mantissa, E4M3Bias, E4M3Max, E4M3NaN);

    public static byte ToE5M2(float x) => float.IsInfinity(x) ? (byte)(x > 0 ? E5M2Infinity : E5M2Infinity | 0x80) : Encode(x, E5M2Mantissa, E5M2Bias, E5M2Max, E5M2NaN);

    public static float FromE4M3Fnuz(byte code) => s_e4m3fnuz[code];

    public static float FromE5M2Fnuz(byte code) => s_e5m2fnuz[code];

    public static float FromE2M1(byte code) => s_e2m1[code];

    /// <summary>2^(code − 127); 255 is NaN.</summary>
    public static float FromE8M0(byte code) => code switch
    {
        0xFF => float.NaN,
        0 => BitConverter.UInt32BitsToSingle(0x0040_0000),
        _ => BitConverter.UInt32BitsToSingle((uint)code << 23),
    };

    public static byte ToE4M3Fnuz(float x) => WithoutNegativeZero(Encode(x, E4M3Mantissa, E4M3FnuzBias, FnuzMax, FnuzNaN), x);

    public static byte ToE5M2Fnuz(float x) => WithoutNegativeZero(Encode(x, E5M2Mantissa, E5M2FnuzBias, FnuzMax, FnuzNaN), x);

    public static byte ToE2M1(float x)
    {
        byte code = Encode(x, E2M1Mantissa, E2M1Bias, E2M1Max, 0x80);
        return (byte)((code & E2M1Max) | ((code & 0x80) >> 4));
    }

    /// <summary>
    /// The next power of two that is not below x: a block scale must not let its block overflow (the rounding "up" of ONNX
    /// Cast). There is no zero and no sign: 0 and negative values give the smallest power.
    /// </summary>
    public static byte ToE8M0(float x)
    {
        if (float.IsNaN(x))
        {
            return 0xFF;
        }
        uint bits = x > 0 ? BitConverter.SingleToUInt32Bits(x) : 0;
        // A mantissa that is not zero carries into the exponent field, which is the code of every normal power of two.
        return bits <= 0x0040_0000 ? (byte)0 : (byte)uint.Min((bits + 0x007F_FFFF) >> 23, 0xFE);
    }

    private static byte WithoutNegativeZero(byte code, float x) => code == FnuzNaN && !float.IsNaN(x) ? (byte)0 : code;

    private static float[] Table(Func<int, float> decode)
    {
        var table = new float[256];
        for (int code = 0; code < 256; code++)
        {
            table[code] = FloatBits.Canonical(decode(code));
        }
        return table;
    }

    private static float Decode(int code, int mantissaBits, int bias)
    {
        int mantissa = code & ((1 << mantissaBits) - 1), exponent = (code & 0x7F) >> mantissaBits;
        int significand = exponent == 0 ? mantissa : mantissa | (1 << mantissaBits);
        float magnitude = significand * PowerOfTwo(int.Max(exponent, 1) - bias - mantissaBits);
        return code < 0x80 ? magnitude : -magnitude;
    }

    private static byte Encode(float x, int mantissaBits, int bias, byte max, byte nan)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x);
        int sign = (int)(bits >> 24) & 0x80;
        if (float.IsNaN(x))
        {
            return nan;
        }
        int smallest = 1 - bias;
        // Codes of one sign are consecutive: exponent and mantissa of the target count up in quanta of the exponent.
        int exponent = int.Max((int)((bits >> 23) & 0xFF) - 127, smallest);
        if (exponent > bias + 1)
        {
            return (byte)(sign | max);
        }
        // x / quantum is exact in double, and so is rounding it to an integer.
        double quanta = Math.Round(Math.Abs((double)x) / PowerOfTwo(exponent - mantissaBits), MidpointRounding.ToEven);
        int code = (int)quanta + ((exponent - smallest) << mantissaBits);
        return (byte)(sign | int.Min(code, max));
    }

    private static float PowerOfTwo(int exponent) => BitConverter.Int32BitsToSingle((exponent + 127) << 23);
}
