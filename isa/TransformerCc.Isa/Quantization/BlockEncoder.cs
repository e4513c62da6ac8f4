using System.Runtime.CompilerServices;

namespace TransformerCc.Isa.Quantization;

/// <summary>
/// Values to blocks: for each group the scale (and minimum) of least squared error among a few candidates, then every code to
/// the nearest. One search for all formats; ggml's own encoders weight errors differently and search longer.
/// </summary>
internal static class BlockEncoder
{
    /// <summary>Candidates shrink the range that codes span from 105 % in steps of 5 %: outliers are clipped where that pays.</summary>
    private const int Candidates = 9;

    public static void Encode(BlockFormat format, ReadOnlySpan<float> values, Span<byte> block)
    {
        block.Clear();
        int shared = format.Scale.HasSubScales || format.Scale.IsSuperPerGroup ? format.GroupSize : format.BlockLength, groups = format.BlockLength / shared;
        Span<float> scales = stackalloc float[groups], minimums = stackalloc float[groups];
        for (int g = 0; g < groups; g++)
        {
            ReadOnlySpan<float> x = values.Slice(g * shared, shared);
            if (format.Codes.ZeroByte is { } zero)
            {
                (scales[g], block[zero]) = FitZero(format.Codes, x);
            }
            else if (format.Minimum is { } minimum)
            {
                (scales[g], minimums[g]) = FitLine(format.Codes, x, minimum.CanBeNegative);
            }
            else
            {
                scales[g] = FitScale(format.Codes, x, format.Scale.CanBeNegative, format.Scale.Kind == SuperScaleKind.HalvedE8M0);
            }
        }
        format.Scale.Write(block, scales);
        format.Minimum?.Write(block, minimums);
        Span<byte> bits = stackalloc byte[values.Length];
        for (int e = 0; e < values.Length; e++)
        {
            // What the block says now, after rounding, is what the codes are chosen for.
            float scale = format.Scale.Of(block, e / format.GroupSize), minimum = format.Minimum?.Of(block, e / format.GroupSize) ?? 0f;
            float code = scale == 0f ? 0f : (values[e] + minimum) / scale;
            bits[e] = (byte)format.Codes.NearestBits(block, code);
        }
        format.Codes.WriteBits(bits, block);
    }

    /// <summary>x ≈ scale · code: for codes q, the error is Σx² − 2 scale Σxq + scale² Σq², least at scale = Σxq / Σq².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float FitScale(BlockCodes codes, ReadOnlySpan<float> x, bool canBeNegative, bool isPowerOfTwo)
    {
        (int low, int high) = codes.Range;
        float first = 0f, largest = 0f;
        foreach (float v in x)
        {
            first = float.Max(first, v > 0 ? v / high : v / low);
            largest = float.Abs(v) > float.Abs(largest) ? v : largest;
        }
        if (canBeNegative)
        {
            // The value furthest from zero gets the code furthest from zero.
            first = largest / (-low > high ? low : high);
        }
        float best = 0f;
        double bestGain = 0;
        for (int c = 0; c < Candidates && first != 0f; c++)
        {
            float scale = isPowerOfTwo ? float.ScaleB(1f, float.ILogB(first) + 1 - c) : first * Shrink(c);
            double xq = 0, qq = 0;
            foreach (float v in x)
            {
                int q = codes.Nearest(v / scale);
                xq += (double)v * q;
                qq += (double)q * q;
            }
            double fitted = isPowerOfTwo ? scale : qq == 0 || (xq < 0 && !canBeNegative) ? 0 : xq / qq, gain = fitted * ((2 * xq) - (fitted * qq));
            if (gain > bestGain)
            {
                (best, bestGain) = ((float)fitted, gain);
            }
        }
        return best;
    }

    /// <summary>x ≈ scale · code − minimum, by the normal equations of a line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Scale, float Minimum) FitLine(BlockCodes codes, ReadOnlySpan<float> x, bool canBeNegative)
    {
        (float low, float high) = MinMax(x);
        low = canBeNegative ? low : float.Min(low, 0f);
        (double Scale, double Shift, double Error) best = (0, low, double.PositiveInfinity);
        for (int c = 0; c < Candidates && high > low; c++)
        {
            float scale = (high - low) / codes.Range.High * Shrink(c);
            double xs = 0, qs = 0, xq = 0, qq = 0, xx = 0;
            foreach (float v in x)
            {
                int q = codes.Nearest((v - low) / scale);
                (xs, qs, xq, qq, xx) = (xs + v, qs + q, xq + ((double)v * q), qq + ((double)q * q), xx + ((double)v * v));
            }
            double determinant = (x.Length * qq) - (qs * qs);
            double slope = determinant == 0 ? 0 : ((x.Length * xq) - (xs * qs)) / determinant, shift = (xs - (slope * qs)) / x.Length;
            if (shift > 0 && !canBeNegative)
            {
                (slope, shift) = (qq == 0 ? 0 : xq / qq, 0);
            }
            double error = xx - (2 * slope * xq) - (2 * shift * xs) + (slope * slope * qq) + (2 * slope * shift * qs) + (shift * shift * x.Length);
            if (slope > 0 && error < best.Error)
            {
                best = (slope, shift, error);
            }
        }
        return ((float)best.Scale, (float)-best.Shift);
    }

    /// <summary>The range with zero in it, in equal steps; zero is one of them.</summary>
    private static (float Scale, byte Zero) FitZero(BlockCodes codes, ReadOnlySpan<float> x)
    {
        (float low, float high) = MinMax(x);
        (low, high) = (float.Min(low, 0f), float.Max(high, 0f));
        int steps = codes.Range.High;
        float scale = (high - low) / steps;
        return (scale, scale == 0f ? (byte)0 : (byte)float.Clamp(float.Round(-low / scale), 0, steps));
    }

    private static float Shrink(int candidate) => 1.05f - (candidate * 0.05f);

    private static (float Low, float High) MinMax(ReadOnlySpan<float> x)
    {
        (float low, float high) = (x[0], x[0]);
        foreach (float v in x)
        {
            (low, high) = (float.Min(low, v), float.Max(high, v));
        }
        return (low, high);
    }
}
