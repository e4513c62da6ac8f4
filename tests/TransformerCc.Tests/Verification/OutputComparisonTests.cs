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
    public void Empty_output_passes_and_says_that_nothing_was_compared()
    {
        Tensor empty = Tensor.From<float>(ElementType.F32, [0, 3], []);
        OutputComparison c = OutputComparison.Compare("y", empty, empty, Tolerance.Of(ElementType.BF16));
        Assert.True(c.Passed);
        Assert.Equal(["has no elements: only type and shape are compared"], c.Remarks);
    }

    /// <summary>An infinite golden must not widen what is allowed around it to everything.</summary>
    [Theory]
    [InlineData(1, float.PositiveInfinity, false)]
    [InlineData(1, float.NaN, false)]
    [InlineData(float.NaN, 1, false)]
    [InlineData(float.NegativeInfinity, float.PositiveInfinity, false)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity, true)]
    [InlineData(float.NaN, float.NaN, true)]
    public void Only_itself_is_near_what_is_no_number(float actual, float golden, bool passes)
    {
        foreach (Tolerance rule in (Tolerance[])[new ElementTolerance(100, 0.1), new ElementTolerance(100, 0), Tolerance.Of(ElementType.F32), Tolerance.Of(ElementType.BF16)])
        {
            OutputComparison c = OutputComparison.Compare("y", F32(3, actual), F32(3, golden), rule);
            Assert.Equal(passes, c.Passed);
            Assert.Equal(passes ? "1 of 2 elements are NaN or infinite alike, in the golden and on the chip" : "1 of 2 elements differ by more than allowed", c.Remarks[0].Split(", the first at [1]: ")[0]);
        }
    }

    [Fact]
    public void Beside_zeros_alone_nothing_but_zero_passes()
    {
        OutputComparison c = OutputComparison.Compare("y", F32(0, 1e-20f), F32(0, 0), Tolerance.Of(ElementType.BF16));
        Assert.False(c.Passed);
        Assert.Equal(double.PositiveInfinity, c.ShareOfAllowed);
        Assert.Contains(c.Remarks, r => r.Contains("--atol", StringComparison.Ordinal));
        Assert.Equal(0, OutputComparison.Compare("y", F32(0, 0), F32(0, 0), Tolerance.Of(ElementType.BF16)).ShareOfAllowed);
    }

    /// <summary>A relative error of 99 at an element near zero passes, because it is less than what is allowed there.</summary>
    [Fact]
    public void The_share_of_what_is_allowed_is_what_decides()
    {
        OutputComparison c = OutputComparison.Compare("y", F32(10, 0.001f), F32(10, 0.00001f), Tolerance.Of(ElementType.F32));
        Assert.True(c.Passed);
        Assert.Equal((99, 0.99), (Math.Round(c.Errors.MaxRelative), Math.Round(c.ShareOfAllowed!.Value, 2)));
        Assert.Equal(0.5, OutputComparison.Compare("y", F32(10, 0.5f), F32(10, 0), new ElementTolerance(1, 0.1)).ShareOfAllowed);
        Assert.Null(OutputComparison.Compare("y", F32(1, 2), F32(1), Tolerance.Of(ElementType.F32)).ShareOfAllowed);
    }

    [Fact]
    public void Numpy_files_hold_bf16_as_f32()
    {
        Tensor actual = Tensor.From<ushort>(ElementType.BF16, [1], [0x3F80]);
        Assert.True(OutputComparison.Compare("y", actual, F32(1.001f), Tolerance.Of(ElementType.F32)).Passed);
        Assert.False(OutputComparison.Compare("y", actual, F32(1.1f), Tolerance.Of(ElementType.F32)).Passed);
        Assert.NotNull(OutputComparison.Compare("y", Tensor.From<Half>(ElementType.F16, [1], [(Half)1]), F32(1), Tolerance.Of(ElementType.F32)).Problem);
    }

    [Fact]
    public void A_wrong_integer_is_told_with_all_its_digits()
    {
        Tensor U64(ulong value) => Tensor.From<ulong>(ElementType.U64, [1, 2], [7, value]);
        Assert.Equal(["1 of 2 elements differ, the first at [0, 1]: 18446744073709551615, golden 18446744073709551614"],
            OutputComparison.Compare("y", U64(ulong.MaxValue), U64(ulong.MaxValue - 1), Tolerance.Of(ElementType.F32)).Remarks);
    }

    [Fact]
    public void Another_shape_or_type_fails_and_says_so()
    {
        OutputComparison c = OutputComparison.Compare("y", F32(1, 2), F32(1), Tolerance.Of(ElementType.F32));
        Assert.False(c.Passed);
        Assert.Equal("is f32[2], the golden is f32[1]", c.Problem);
    }
}
