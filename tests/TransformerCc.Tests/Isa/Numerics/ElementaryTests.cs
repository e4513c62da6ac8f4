using TransformerCc.Isa.Numerics;
using Xunit;

namespace TransformerCc.Tests.Isa.Numerics;

/// <summary>The frozen functions keep their stated accuracy, their special values, and the same bits alone and in spans.</summary>
public class ElementaryTests
{
    private const double Bound = 0.51;

    private delegate void SpanFunction(ReadOnlySpan<float> x, Span<float> result);

    [Fact]
    public void Exp_is_within_half_an_ulp() => Check(Elementary.Exp, Math.Exp, Elementary.Exp);

    [Fact]
    public void Log_is_within_half_an_ulp() => Check(Elementary.Log, Math.Log, Elementary.Log);

    [Fact]
    public void Erf_is_within_half_an_ulp() => Check(Elementary.Erf, Reference.Erf, Elementary.Erf);

    [Fact]
    public void Tanh_is_within_half_an_ulp() => Check(Elementary.Tanh, Math.Tanh, Elementary.Tanh);

    [Fact]
    public void Sigmoid_is_within_half_an_ulp() => Check(Elementary.Sigmoid, x => 1 / (1 + Math.Exp(-x)), Elementary.Sigmoid);

    [Fact]
    public void Sin_is_within_half_an_ulp_for_every_finite_angle() => Check(Elementary.Sin, Math.Sin, Elementary.Sin);

    [Fact]
    public void Cos_is_within_half_an_ulp_for_every_finite_angle() => Check(Elementary.Cos, Math.Cos, Elementary.Cos);

    [Fact]
    public void Rsqrt_is_the_rounded_reciprocal_of_the_rounded_root()
    {
        Check(Elementary.Rsqrt, x => 1 / Math.Sqrt(x), Elementary.Rsqrt, bound: 1.5);
        Assert.Equal(float.NegativeInfinity, Elementary.Rsqrt(-0f));
    }

    [Fact]
    public void Pow_is_within_half_an_ulp()
    {
        var random = new Random(1);
        for (int i = 0; i < 100_000; i++)
        {
            float x = MathF.ScaleB(1 + random.NextSingle(), random.Next(-140, 127)), y = MathF.ScaleB(random.NextSingle() - 0.5f, random.Next(-8, 8));
            float z = Elementary.Pow(x, y);
            Assert.True(Reference.Ulps(z, Math.Pow(x, y)) <= Bound, $"pow({x:r}, {y:r}) = {z:r}");
        }
        foreach (float x in Reference.SpecialValues)
        {
            foreach (float y in Reference.SpecialValues)
            {
                float z = Elementary.Pow(x, y);
                Assert.True(Reference.Ulps(z, Math.Pow(x, y)) <= Bound, $"pow({x:r}, {y:r}) = {z:r}");
                Assert.Equal(float.IsNegative((float)Math.Pow(x, y)) && !float.IsNaN(z), float.IsNegative(z));
            }
        }
    }

    [Fact]
    public void Exp_and_log_have_exact_limits()
    {
        Assert.Equal(0f, Elementary.Exp(float.NegativeInfinity));
        Assert.Equal(1f, Elementary.Exp(0));
        Assert.Equal(float.PositiveInfinity, Elementary.Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, Elementary.Exp(88.72284f));
        Assert.Equal(float.NegativeInfinity, Elementary.Log(0));
        Assert.Equal(0f, Elementary.Log(1));
        Assert.Equal(float.PositiveInfinity, Elementary.Log(float.PositiveInfinity));
    }

    [Fact]
    public void Odd_functions_keep_the_sign_of_zero()
    {
        foreach (Func<float, float> f in (Func<float, float>[])[Elementary.Erf, Elementary.Tanh, Elementary.Sin])
        {
            Assert.True(float.IsNegative(f(-0f)) && f(-0f) == 0);
            Assert.False(float.IsNegative(f(0f)));
        }
    }

    /// <summary>A change of any bit of any function on any of these 52 000 arguments is a change of the machine.</summary>
    [Theory]
    [InlineData("exp", 14782042999110257763)]
    [InlineData("log", 15891090877353561392)]
    [InlineData("erf", 17540192362420597755)]
    [InlineData("tanh", 4011030264028696221)]
    [InlineData("sigmoid", 9170943057166997946)]
    [InlineData("sin", 7058537670284383958)]
    [InlineData("cos", 9835938993763124568)]
    [InlineData("rsqrt", 4545526259170906432)]
    public void Bits_are_frozen(string name, ulong expected)
    {
        SpanFunction f = name switch
        {
            "exp" => Elementary.Exp,
            "log" => Elementary.Log,
            "erf" => Elementary.Erf,
            "tanh" => Elementary.Tanh,
            "sigmoid" => Elementary.Sigmoid,
            "sin" => Elementary.Sin,
            "cos" => Elementary.Cos,
            _ => Elementary.Rsqrt,
        };
        float[] x = [.. Reference.AllMagnitudes(82_939)], y = new float[x.Length];
        f(x, y);
        ulong hash = 14695981039346656037; // FNV-1a, 64 bits
        foreach (float v in y)
        {
            hash = unchecked((hash ^ BitConverter.SingleToUInt32Bits(v)) * 1099511628211);
        }
        Assert.Equal(expected, hash);
    }

    private static void Check(Func<float, float> function, Func<double, double> reference, SpanFunction span, double bound = Bound)
    {
        float[] x = [.. Reference.AllMagnitudes(20_011)], y = new float[x.Length];
        span(x, y);
        double worst = 0;
        float at = 0;
        for (int i = 0; i < x.Length; i++)
        {
            float alone = function(x[i]);
            if (BitConverter.SingleToUInt32Bits(alone) != BitConverter.SingleToUInt32Bits(y[i]))
            {
                Assert.Fail($"f({x[i]:r}) = {alone:r} alone, {y[i]:r} in a span");
            }
            if (float.IsNaN(alone) && BitConverter.SingleToUInt32Bits(alone) != FloatBits.CanonicalNaNBits)
            {
                Assert.Fail($"f({x[i]:r}) is not the canonical NaN");
            }
            double ulps = Reference.Ulps(alone, reference(x[i]));
            if (!(ulps <= worst))
            {
                (worst, at) = (ulps, x[i]);
            }
        }
        Assert.True(worst <= bound, $"{worst} ulp at {at:r}: {function(at):r} instead of {reference(at):r}");
    }
}
