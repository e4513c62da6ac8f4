using TransformerCc.Isa;
using TransformerCc.Runtime.Generation.Sampling;

namespace TransformerCc.Tests.Generation;

/// <summary>Filters and draws.</summary>
public sealed class SamplerTests
{
    private static readonly float[] s_logits = [1, 4, 2, 4, 3, 0, -1];

    [Fact]
    public void Greedy_takes_the_first_of_the_largest()
    {
        Assert.Equal(1, Choose(new()));
        Assert.Equal(1, Choose(new() { TopK = 3, TopP = 0.1f, MinP = 1, Seed = 9 }));
        Assert.Equal(2, new Sampler(new()).Choose([float.NaN, float.NegativeInfinity, -3]));
        Assert.Equal("TCC5214", Assert.Throws<DiagnosticException>(() => new Sampler(new()).Choose([float.NaN, float.NegativeInfinity])).Diagnostics[0].Code);
        Assert.Equal("TCC5214", Assert.Throws<DiagnosticException>(() => new Sampler(new() { Temperature = 1 }).Choose([])).Diagnostics[0].Code);
    }

    /// <summary>Where the largest is known, no other logit is looked at; what is known may be wrong, or no number, or count nothing.</summary>
    [Fact]
    public void What_the_chip_found_decides_where_nothing_else_does()
    {
        Assert.Equal(4, new Sampler(new()).Choose(s_logits, 4));
        Assert.Equal(1, new Sampler(new()).Choose(s_logits, s_logits.Length));
        Assert.Equal(1, new Sampler(new()).Choose(s_logits, -1));
        Assert.Equal(2, new Sampler(new()).Choose([float.NaN, float.NegativeInfinity, -3], 0));
        Assert.Equal("TCC5214", Assert.Throws<DiagnosticException>(() => new Sampler(new()).Choose([float.NaN, float.NegativeInfinity], 1)).Diagnostics[0].Code);
        Assert.Equal(1, new Sampler(new() { Temperature = 1, TopK = 1 }).Choose(s_logits, 4));
        var penalised = new Sampler(new() { RepeatPenalty = 2 });
        penalised.Accept(1);
        Assert.Equal(3, penalised.Choose(s_logits, 1));
    }

    /// <summary>By hand: probabilities are exp(l)/sum, so 4 4 3 2 1 0 -1 give .390 .390 .143 .053 .019 .007 .003.</summary>
    [Theory]
    [InlineData(0, 1f, 0f, "0 1 2 3 4 5 6")]
    [InlineData(1, 1f, 0f, "1")]
    [InlineData(3, 1f, 0f, "1 3 4")]
    [InlineData(0, 0.3f, 0f, "1")]
    [InlineData(0, 0.5f, 0f, "1 3")]
    [InlineData(0, 0.9f, 0f, "1 3 4")]
    [InlineData(0, 0.95f, 0f, "1 2 3 4")]
    [InlineData(0, 1f, 1f, "1 3")]
    [InlineData(0, 1f, 0.3f, "1 3 4")]
    [InlineData(0, 1f, 0.1f, "1 2 3 4")]
    [InlineData(3, 0.95f, 0.9f, "1 3")]
    public void Filters_leave_the_likely_tokens(int topK, float topP, float minP, string left)
    {
        var sampler = new Sampler(new() { Temperature = 50, TopK = topK, TopP = topP, MinP = minP });
        Assert.Equal(left, string.Join(' ', Enumerable.Range(0, 3000).Select(_ => sampler.Choose(s_logits)).Distinct().Order()));
    }

    [Fact]
    public void Draws_follow_the_probabilities_at_the_temperature()
    {
        foreach (float temperature in (float[])[0.5f, 1, 2])
        {
            double[] weights = [.. s_logits.Select(l => Math.Exp(l / temperature))];
            var sampler = new Sampler(new() { Temperature = temperature, Seed = 3 });
            const int Draws = 40_000;
            int[] counts = new int[s_logits.Length];
            for (int i = 0; i < Draws; i++)
            {
                counts[sampler.Choose(s_logits)]++;
            }
            for (int i = 0; i < counts.Length; i++)
            {
                double p = weights[i] / weights.Sum();
                Assert.InRange(counts[i] / (double)Draws, p - (5 * Math.Sqrt(p / Draws)), p + (5 * Math.Sqrt(p / Draws)));
            }
        }
    }

    [Fact]
    public void A_repeated_token_becomes_less_likely_until_it_is_forgotten()
    {
        var sampler = new Sampler(new() { RepeatPenalty = 2, RepeatWindow = 2 });
        Assert.Equal(1, sampler.Choose(s_logits));
        sampler.Accept(1);
        Assert.Equal(3, sampler.Choose(s_logits));
        sampler.Accept(3);
        Assert.Equal(4, sampler.Choose(s_logits));
        sampler.Accept(4);
        Assert.Equal(1, sampler.Choose(s_logits));
        var negative = new Sampler(new() { RepeatPenalty = 2 });
        negative.Accept(0);
        Assert.Equal(1, negative.Choose([-1, -1.5f]));
    }

    [Fact]
    public void Seeds_repeat_and_differ()
    {
        string Of(ulong seed)
        {
            var sampler = new Sampler(new() { Temperature = 2, Seed = seed });
            return string.Concat(Enumerable.Range(0, 64).Select(_ => sampler.Choose(s_logits)));
        }
        Assert.Equal(Of(7), Of(7));
        Assert.NotEqual(Of(7), Of(8));
    }

    /// <summary>The first numbers of xoshiro256** from the state that SplitMix64 makes of 0, computed from the authors' C code.</summary>
    [Fact]
    public void The_random_numbers_are_those_of_the_published_generator()
    {
        var random = new RandomSource(0);
        Assert.Equal([0x99EC5F36CB75F2B4, 0xBF6E1F784956452A, 0x1A5F849D4933E6E0, 0x6AA594F1262D2D2C], Enumerable.Range(0, 4).Select(_ => random.NextUInt64()));
        Assert.All(Enumerable.Range(0, 1000).Select(_ => random.NextDouble()), x => Assert.InRange(x, 0, 1 - 1e-16));
    }

    private static int Choose(SamplingOptions options) => new Sampler(options).Choose(s_logits);
}
