using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Gguf;

/// <summary>YaRN by what it promises: fast pairs keep their frequency, slow ones are divided, the rest lies between.</summary>
public sealed class RopeTablesTests
{
    private const long Dimensions = 64, Context = 4096;

    private const double Base = 10_000, Factor = 4;

    [Theory]
    [InlineData(1, 32, 1)]
    [InlineData(1, 100, 5)]
    [InlineData(0.25, 32, 1)]
    public void Yarn_spares_fast_pairs(double mix, double fast, double slow)
    {
        double[] scaled = Frequencies(new YarnParameters(mix, fast, slow));
        for (int j = 0; j < scaled.Length; j++)
        {
            double own = Math.Pow(Base, -2.0 * j / Dimensions), turns = Context * own / (2 * Math.PI), kept = (scaled[j] - (own / Factor)) / (own - (own / Factor));
            // The ramp begins and ends at whole pairs: one pair's ratio of frequencies is the room it takes.
            double room = Math.Pow(Base, 2.0 / Dimensions);
            Assert.InRange(kept, turns > fast * room ? mix - 1e-3 : -1e-3, turns < slow / room ? 1e-3 : mix + 1e-3);
        }
        Assert.Contains(scaled.Select((f, j) => f * Math.Pow(Base, 2.0 * j / Dimensions)), f => f > 1.01 / Factor && f < 0.99);
    }

    [Fact]
    public void Without_yarn_every_pair_is_divided()
    {
        double[] scaled = Frequencies(null);
        Assert.All(scaled.Select((f, j) => f * Math.Pow(Base, 2.0 * j / Dimensions)), f => Assert.Equal(1 / Factor, f, 1e-3));
    }

    [Fact]
    public void Yarn_scales_cos_and_sin()
    {
        var rope = new RopeParameters(Dimensions, Base, Factor, new YarnParameters(1, 32, 1), Context, Magnitude: 1.5);
        Assert.Equal(1.5 * (1 + (0.1 * Math.Log(Factor))), RopeTables.Build(rope, 1, Context, []).Cos.AsSpan<float>()[0], 1e-6);
        Assert.Equal(1.5, RopeTables.Build(rope with { Factor = 1 }, 1, Context, []).Cos.AsSpan<float>()[0], 1e-6);
    }

    /// <summary>From the angles at position 1, all below π / 2.</summary>
    private static double[] Frequencies(YarnParameters? yarn)
    {
        (Tensor cos, Tensor sin) = RopeTables.Build(new RopeParameters(Dimensions, Base, Factor, yarn, Context, 1), 2, Context, []);
        float[] c = cos.AsSpan<float>().ToArray(), s = sin.AsSpan<float>().ToArray();
        int half = c.Length / 2;
        return [.. Enumerable.Range(half, half).Select(i => Math.Atan2(s[i], c[i]))];
    }
}
