namespace TransformerCc.Isa.Numerics;

/// <summary>
/// The two 8-bit floats of the OCP specification "8-bit Floating Point (OFP8)", revision 1.0. Rounding to nearest even,
/// denormals kept. What exceeds the largest finite value saturates to it, infinities included (the saturating mode of
/// the specification, and of ONNX Cast by default): E4M3 has no infinity, and both formats obey one rule.
/// </summary>
internal static class SmallFloat
{
    private const int E4M3Mantissa = 3, E4M3Bias = 7, E5M2Mantissa = 2, E5M2Bias = 15;

    /// <summary>S.1111.111 is NaN; the largest finite value is S.1111.110 = 448.</summary>
    private const byte E4M3NaN = 0x7F, E4M3Max = 0x7E;

    /// <summary>S.11111.00 is infinity, larger codes are NaN; the largest finite value is S.11110.11 = 57344.</summary>
    private const byte E5M2NaN = 0x7E, E5M2Max = 0x7B, E5M2Infinity = 0x7C;

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

    public static byte ToE5M2(float x) => Encode(x, E5M2Mantissa, E5M2Bias, E5M2Max, E5M2NaN);

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
