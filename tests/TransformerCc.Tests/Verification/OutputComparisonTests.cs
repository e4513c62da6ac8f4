using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

/// <summary>Protects the verdict of <c>tcc verify</c>: the measures, the tolerance rules and what counts as equal.</summary>
public sealed class OutputComparisonTests
{
    private static Tensor F32(params float[] values) => Tensor.From<float>(ElementType.F32, [values.Length], values);

    [Fact]
    public void Measures_follow_their_definitions()
    {
        ErrorMeasures m = ErrorMeasures.Of([1, 2.5, 0.25], [1, 2, 0]);
        Assert.Equal(0.5, m.MaxAbsolute);
        Assert.Equal(0.25, m.MaxRelative); // the element whose golden is 0 takes no part
        Assert.Equal(2, m.MaxGolden);
        Assert.Equal(6 / (Math.Sqrt(1 + 6.25 + 0.0625) * Math.Sqrt(5)), m.Cosine, 12);
        Assert.Equal(10 * Math.Log10(5 / 0.3125), m.SignalToNoise, 12);
    }

    [Fact]
    public void Nothing_different_is_no_error()
    {
        ErrorMeasures m = ErrorMeasures.Of([double.NaN, double.NegativeInfinity, -3, 0], [double.NaN, double.NegativeInfinity, -3, -0.0]);
        Assert.Equal((0, 0, 3, 1, double.PositiveInfinity), (m.MaxAbsolute, m.MaxRelative, m.MaxGolden, m.Cosine, m.SignalToNoise));
    }

    [Theory]
    [InlineData(double.NaN, 1)]
    [InlineData(1, double.NaN)]
    [InlineData(double.PositiveInfinity, double.NegativeInfinity)]
    [InlineData(double.PositiveInfinity, 1)]
    public void Unexpected_non_finite_value_is_an_infinite_error(double actual, double golden) =>
        Assert.Equal(double.PositiveInfinity, ErrorMeasures.Of([actual], [golden]).MaxAbsolute);

    [Fact]
    public void Two_zero_vectors_point_the_same_way_and_one_does_not()
    {
        Assert.Equal(1, ErrorMeasures.Of([0, 0], [0, 0]).Cosine);
        Assert.Equal(0, ErrorMeasures.Of([0, 0], [0, 1]).Cosine);
    }

    [Theory]
    [InlineData(ElementType.F32, 0.0009f, true)]
    [InlineData(ElementType.F32, 0.0011f, false)]
    [InlineData(ElementType.BF16, 0.19f, true)]
    [InlineData(ElementType.BF16, 0.21f, false)]
    public void Default_rule_scales_with_the_largest_golden(ElementType precision, float error, bool passes) =>
        Assert.Equal(passes, OutputComparison.Compare("y", F32(10, error), F32(10, 0), Tolerance.Of(precision)).Passed);

    [Fact]
    public void Bf16_rule_asks_for_the_cosine_too()
    {
        // Every error is within 2e-2 of the largest value, but the one large value is missing from the direction's rest.
        float[] golden = [.. Enumerable.Repeat(0.02f, 4000), 1f], actual = [.. Enumerable.Repeat(0.001f, 4000), 1f];
        OutputComparison c = OutputComparison.Compare("y", F32(actual), F32(golden), Tolerance.Of(ElementType.BF16));
        Assert.True(c.Errors.MaxAbsolute <= 0.02 && c.Errors.Cosine < 0.999);
        Assert.False(c.Passed);
    }

    [Fact]
    public void Given_tolerance_is_judged_element_by_element()
    {
        var rule = new ElementTolerance(0.01, 0.1);
        Assert.True(OutputComparison.Compare("y", F32(0.009f, 10.9f), F32(0, 10), rule).Passed);
        Assert.False(OutputComparison.Compare("y", F32(0.02f, 10), F32(0, 10), rule).Passed);
    }

    [Fact]
    public void Integers_are_exact_beyond_the_precision_of_float64()
    {
        Tensor golden = Tensor.From<long>(ElementType.I64, [1], [(1L << 53) + 1]), actual = Tensor.From<long>(ElementType.I64, [1], [1L << 53]);
        Assert.False(OutputComparison.Compare("y", actual, golden, new ElementTolerance(100, 100)).Passed);
        Assert.True(OutputComparison.Compare("y", golden, golden, Tolerance.Of(ElementType.F32)).Passed);
    }

    [Fact]
    public void Argmax_agreement_counts_rows_of_the_last_axis()
    {
        // The third row's two largest elements are too close to count.
        Tensor golden = Tensor.From<float>(ElementType.F32, [3, 3], [0, 1, 0, 5, 0, 0, 1, 1.01f, 0]), actual = Tensor.From<float>(ElementType.F32, [3, 3], [0, 1, 0, 0, 5, 0, 1.01f, 1, 0]);
        Assert.Equal(0.5, OutputComparison.Compare("y", actual, golden, Tolerance.Of(ElementType.F32)).ArgmaxAgreement);
    }

    [Fact]
    public void Empty_output_passes()
    {
        Tensor empty = Tensor.From<float>(ElementType.F32, [0, 3], []);
        Assert.True(OutputComparison.Compare("y", empty, empty, Tolerance.Of(ElementType.BF16)).Passed);
    }

    [Fact]
    public void Another_shape_or_type_fails_and_says_so()
    {
        OutputComparison c = OutputComparison.Compare("y", F32(1, 2), F32(1), Tolerance.Of(ElementType.F32));
        Assert.False(c.Passed);
        Assert.Equal("is f32[2], the golden is f32[1]", c.Problem);
    }
}
