using TransformerCc.Isa.Numerics;
using Xunit;

namespace TransformerCc.Tests.Isa.Numerics;

/// <summary>The order of summation is part of the machine: a plain loop in that order must give the same bits.</summary>
public class RowSumsTests
{
    [Fact]
    public void Sums_follow_the_lane_order_for_every_length()
    {
        var random = new Random(3);
        for (int length = 0; length < 200; length++)
        {
            float[] x = [.. Enumerable.Range(0, length).Select(_ => MathF.ScaleB(random.NextSingle() - 0.5f, random.Next(-10, 10)))];
            float mean = length == 0 ? 0 : x.Average();
            Same(Lanes(x, 0, v => v, (a, b) => a + b), RowSums.Sum(x));
            Same(Lanes(x, 0, v => v * v, (a, b) => a + b), RowSums.SumSquares(x));
            Same(Lanes(x, 0, MathF.Abs, (a, b) => a + b), RowSums.SumAbs(x));
            Same(Lanes(x, 0, v => (v - mean) * (v - mean), (a, b) => a + b), RowSums.SumSquaredDeviations(x, mean));
            Same(Lanes(x, 1, v => v, (a, b) => a * b), RowSums.Product(x));
        }
    }

    [Fact]
    public void Special_values_propagate_canonically()
    {
        Same(float.PositiveInfinity, RowSums.Sum([1, float.PositiveInfinity, 2]));
        Same(FloatBits.CanonicalNaN, RowSums.Sum([float.NegativeInfinity, float.PositiveInfinity]));
        Same(0f, RowSums.Sum([-0f, -0f]));
        // The tail beyond the row must not bring (0 − mean)² in.
        Same(0f, RowSums.SumSquaredDeviations([5, 5, 5], 5));
    }

    private static float Lanes(float[] x, float start, Func<float, float> term, Func<float, float, float> combine)
    {
        var lanes = new float[16];
        Array.Fill(lanes, start);
        for (int i = 0; i < x.Length; i++)
        {
            lanes[i % 16] = combine(lanes[i % 16], term(x[i]));
        }
        for (int half = 8; half > 0; half /= 2)
        {
            for (int l = 0; l < half; l++)
            {
                lanes[l] = combine(lanes[l], lanes[l + half]);
            }
        }
        return lanes[0];
    }

    private static void Same(float expected, float actual) => Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(actual));
}
