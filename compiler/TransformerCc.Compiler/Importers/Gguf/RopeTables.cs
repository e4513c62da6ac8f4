using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// cos and sin of the angles of every position: [positions, Dimensions / 2]. The angle of pair j at position p is p·f[j],
/// f[j] = Base^(−2j / Dimensions) / factors[j], interpolated by the scaling of the model (Su et al. 2021; Chen et al. 2023,
/// "Extending context window"; Peng et al. 2023, "YaRN"; llama.cpp's ggml_rope_ext for the constants). Computed in double
/// and rounded once.
/// </summary>
internal static class RopeTables
{
    private const double TwoPi = 6.283185307179586;

    /// <param name="originalContext">The context the model was trained with, for YaRN.</param>
    /// <param name="factors">Divisors of the frequencies; empty: none.</param>
    public static (Tensor Cos, Tensor Sin) Build(RopeParameters rope, long positions, long originalContext, ReadOnlySpan<float> factors)
    {
        int half = checked((int)(rope.Dimensions / 2));
        var frequencies = new double[half];
        double logBase = PreciseMath.Log(rope.Base), magnitude = rope.Magnitude;
        bool isScaled = rope.Factor != 1;
        for (int j = 0; j < half; j++)
        {
            double own = PreciseMath.Exp(-2.0 * j / rope.Dimensions * logBase) / (factors.Length > 0 ? factors[j] : 1);
            double kept = isScaled && rope.Yarn is { } yarn ? yarn.Mix * Kept(yarn, j, rope.Dimensions, originalContext, logBase) : 0;
            frequencies[j] = isScaled ? (own / rope.Factor * (1 - kept)) + (own * kept) : own;
        }
        if (isScaled && rope.Yarn is not null)
        {
            magnitude *= 1 + (0.1 * PreciseMath.Log(rope.Factor));
        }
        float[] cos = new float[checked(positions * half)], sin = new float[cos.Length];
        for (int at = 0; at < cos.Length; at++)
        {
            (double s, double c) = PreciseMath.SinCos((at / half) * frequencies[at % half]);
            (sin[at], cos[at]) = ((float)(s * magnitude), (float)(c * magnitude));
        }
        return (Tensor.From<float>(ElementType.F32, [positions, half], cos), Tensor.From<float>(ElementType.F32, [positions, half], sin));
    }

    /// <summary>How much of its own frequency pair j keeps: 1 for fast pairs, 0 for slow ones, a ramp between.</summary>
    private static double Kept(YarnParameters yarn, int j, long dimensions, long originalContext, double logBase)
    {
        double Pair(double turns) => dimensions * PreciseMath.Log(originalContext / (turns * TwoPi)) / (2 * logBase);
        double low = Math.Max(0, Math.Floor(Pair(yarn.FastTurns))), high = Math.Min(dimensions - 1, Math.Ceiling(Pair(yarn.SlowTurns)));
        return 1 - Math.Clamp((j - low) / Math.Max(0.001, high - low), 0, 1);
    }
}
