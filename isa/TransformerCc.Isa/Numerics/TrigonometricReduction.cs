namespace TransformerCc.Isa.Numerics;

/// <summary>Reduction of large angles modulo π/2, and the constants of the reduction of small ones.</summary>
internal static class TrigonometricReduction
{
    /// <summary>Below it n = x·2/π has at most 20 bits, and n times a 33-bit constant is exact in double.</summary>
    public const float Limit = 1 << 20;

    public const double TwoOverPi = 0.6366197723675814;

    /// <summary>π/2 as a sum of two 33-bit numbers and a double.</summary>
    public const double PiHalf1 = 1.5707963267341256, PiHalf2 = 6.077100506303966e-11, PiHalf3 = 2.0222662487959506e-21;

    /// <summary>⌊2/π · 2^256⌋, high and low half.</summary>
    private static readonly UInt128 s_twoOverPiHigh = new(0xa2f9836e4e441529, 0xfc2757d1f534ddc0), s_twoOverPiLow = new(0xdb6295993c439041, 0xfe5163abdebbc561);

    /// <summary>
    /// x = (4j + q)·π/2 + r for finite |x| ≥ <see cref="Limit"/> (after Payne and Hanek, "Radian reduction for
    /// trigonometric functions", SIGNUM 1983): the 102 bits of 2/π that matter modulo 4, times the 24-bit significand.
    /// The error of r is below 2^-60; no f32 comes closer to a multiple of π/2 than about 2^-30.
    /// </summary>
    public static double Reduce(float x, out int quadrant)
    {
        const int FractionBits = 100;
        UInt128 mask = (UInt128.One << (FractionBits + 2)) - 1;
        uint bits = BitConverter.SingleToUInt32Bits(x);
        uint significand = (bits & 0x7F_FFFF) | 0x80_0000;
        int exponent = (int)((bits >> 23) & 0xFF) - 127 - 23;
        // window = ⌊2/π · 2^(exponent + 100)⌋ mod 2^102; multiples of 4 turns of π/2 drop out.
        int drop = 256 - FractionBits - exponent;
        UInt128 window = drop < 128 ? (s_twoOverPiHigh << (128 - drop)) | (s_twoOverPiLow >> drop) : s_twoOverPiHigh >> (drop - 128);
        UInt128 turns = ((window & mask) * significand) & mask;
        UInt128 nearest = (turns + (UInt128.One << (FractionBits - 1))) >> FractionBits;
        var fraction = (long)((Int128)(turns - (nearest << FractionBits)) >> (FractionBits - 62));
        double r = fraction * (1.0 / (1L << 62)) * Math.PI / 2;
        quadrant = (int)nearest & 3;
        if (x < 0)
        {
            quadrant = -quadrant & 3;
            return -r;
        }
        return r;
    }
}
