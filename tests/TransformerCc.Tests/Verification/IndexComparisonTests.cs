using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

/// <summary>Where an index may be another than its golden: where the scores of both are nearly equal, and nowhere else.</summary>
public sealed class IndexComparisonTests
{
    private static readonly Graph s_graph = GraphTexts.Parse("""
        input %x : f32[1, 3]
        %numbers : f32[1, 3] = unary(%x) {function = exp}
        %place : i64[1] = reduce(%numbers) {function = arg_max, axes = [1]}
        %narrow : i32[1] = cast(%place) {to = i32}
        %hidden : f32[1, 3] = unary(%x) {function = tanh}
        %other : i64[1] = reduce(%hidden) {function = arg_max, axes = [1]}
        %best : f32[1, 2], %places : i64[1, 2] = topk(%numbers) {count = [2], largest}
        %most : f32[1, 2], %unseen : i64[1, 2] = topk(%hidden) {count = [2], largest}
        output "numbers" = %numbers
        output "place" = %place
        output "narrow" = %narrow
        output "other" = %other
        output "places" = %places
        output "most" = %most
        output "unseen" = %unseen
        """);

    private static readonly float[] s_near = [1.001f, 1, 0], s_swapped = [1, 1.001f, 0];

    [Fact]
    public void Indices_are_found_with_their_scores() =>
        Assert.Equal([("place", "numbers", true), ("narrow", "numbers", true), ("places", "numbers", true), ("unseen", "most", false)],
            IndexOutput.Find(s_graph).Select(i => (i.Name, i.Scores, i.AreAll)));

    /// <param name="golden">Of the label; the chip's is 0.</param>
    [Theory]
    [InlineData(0, true, "")]
    [InlineData(1, true, "row 0: index 0, golden 1: allowed, because the golden \"numbers\" are 1 and 1.001 there and differ by 0.001, less than the tolerance of 0.02")]
    [InlineData(2, false, "row 0: index 0, golden 2: the golden \"numbers\" are 1 and 0 there and differ by 1, allowed is less than 0.02; they have their best at 1")]
    [InlineData(3, false, "row 0: index 0, golden 3: the golden is out of range: there are 3 candidates")]
    [InlineData(-1, false, "row 0: index 0, golden -1: the golden is out of range: there are 3 candidates")]
    public void Only_a_near_tie_excuses_another_index(long golden, bool passes, string remark)
    {
        foreach (string name in (string[])["place", "narrow"])
        {
            OutputComparison c = Compare(name, 0, golden, s_swapped, s_near);
            Assert.Equal((passes, remark), (c.Passed, string.Join('\n', c.Remarks)));
            Assert.Equal((1, golden == 0 ? 0 : 1, golden == 1 ? 1 : 0), ((int)c.Indices!.Rows, (int)c.Indices.Differing, (int)c.Indices.Allowed));
            // A golden that contradicts its own scores is no matter of precision.
            Assert.False(c.MayBeRounding);
        }
    }

    [Fact]
    public void Without_scores_at_hand_indices_are_exact()
    {
        Assert.True(Compare("other", 0, 0, s_near, s_near).Passed);
        OutputComparison c = Compare("other", 0, 1, s_near, s_near);
        Assert.False(c.Passed);
        Assert.Equal(["1 of 1 elements differ, the first at [0]: 0, golden 1"], c.Remarks);
    }

    [Fact]
    public void Scores_of_another_shape_are_none()
    {
        OutputComparison c = OutputComparisons.Of(IndexOutput.Find(s_graph),
            new Dictionary<string, Tensor> { ["place"] = Longs(0) }, new Dictionary<string, Tensor> { ["place"] = Longs(1), ["numbers"] = Tensor.From<float>(ElementType.F32, [3, 1], s_near) }, Bf16)
            .Single(o => o.Name == "place");
        Assert.False(c.Passed);
        Assert.Contains("exact, because", c.Remarks[0], StringComparison.Ordinal);
    }

    [Fact]
    public void The_chips_index_must_be_that_of_its_own_scores()
    {
        OutputComparison c = Compare("place", 0, 1, s_swapped, s_swapped);
        Assert.False(c.Passed);
        Assert.Contains("the chip's own \"numbers\" have their best at 1", c.Remarks[0], StringComparison.Ordinal);
        Assert.True(c.MayBeRounding);
    }

    [Fact]
    public void Of_equal_scores_the_first_is_right()
    {
        OutputComparison c = Compare("place", 0, 1, [1, 1, 0], [1, 1, 0]);
        Assert.False(c.Passed);
        Assert.Contains("the first of equal ones", c.Remarks[0], StringComparison.Ordinal);
        // Equal on the chip alone: that is rounding.
        Assert.True(Compare("place", 0, 1, s_swapped, [1, 1, 0]).Passed);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Nothing_is_near_a_score_that_is_no_number(float score) => Assert.False(Compare("place", 0, 1, [1, score, 0], s_near).Passed);

    [Fact]
    public void The_tolerance_that_is_given_decides()
    {
        Assert.False(Compare("place", 0, 1, s_swapped, s_near, new ElementTolerance(1e-4, 0)).Passed);
        Assert.False(Compare("place", 0, 1, s_swapped, s_near, Tolerance.Of(ElementType.F32)).Passed);
        Assert.True(Compare("place", 0, 1, s_swapped, s_near, new ElementTolerance(0.01, 0)).Passed);
    }

    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(1, 0, true)]
    [InlineData(0, 2, false)]
    [InlineData(1, 1, false)]
    [InlineData(0, 9, false)]
    public void Places_of_the_best_may_change_among_nearly_equal_ones(long first, long second, bool passes)
    {
        OutputComparison c = Compare("places", [0, 1], [first, second], s_swapped, s_near);
        Assert.Equal(passes, c.Passed);
        // The same where only the best scores are known.
        OutputComparison unseen = OutputComparisons.Of(IndexOutput.Find(s_graph),
            new Dictionary<string, Tensor> { ["unseen"] = Longs2(0, 1), ["most"] = Floats2(1.001f, 1) }, new Dictionary<string, Tensor> { ["unseen"] = Longs2(first, second), ["most"] = Floats2(1.001f, 1) }, Bf16)
            .Single(o => o.Name == "unseen");
        Assert.Equal(passes, unseen.Passed);
    }

    [Fact]
    public void Along_an_axis_in_the_middle_every_row_has_its_own_scores()
    {
        Graph graph = GraphTexts.Parse("""
            input %x : f32[2, 3, 2]
            %numbers : f32[2, 3, 2] = unary(%x) {function = exp}
            %place : i64[2, 2] = reduce(%numbers) {function = arg_min, axes = [1]}
            output "numbers" = %numbers
            output "place" = %place
            """);
        float[] golden = [5, 1, 5, 2, 0, 3, 9, 9, 1, 7, 1.01f, 8], actual = [5, 1, 5, 2, 0, 3, 9, 9, 1.01f, 7, 1, 8];
        Tensor Numbers(float[] values) => Tensor.From<float>(ElementType.F32, [2, 3, 2], values);
        Tensor Places(params long[] values) => Tensor.From<long>(ElementType.I64, [2, 2], values);
        OutputComparison With(params long[] places) => OutputComparisons.Of(IndexOutput.Find(graph),
            new Dictionary<string, Tensor> { ["numbers"] = Numbers(actual), ["place"] = Places(2, 0, 2, 1) }, new Dictionary<string, Tensor> { ["numbers"] = Numbers(golden), ["place"] = Places(places) }, Bf16)
            .Single(o => o.Name == "place");
        Assert.True(With(2, 0, 1, 1).Passed);
        OutputComparison wrong = With(2, 1, 1, 1);
        Assert.Equal((2, 1), ((int)wrong.Indices!.Differing, (int)wrong.Indices.Allowed));
        Assert.StartsWith("row [0, 1]: index 0, golden 1: the golden \"numbers\" are 1 and 2 there", wrong.Remarks[0], StringComparison.Ordinal);
    }

    [Fact]
    public void What_stands_on_one_side_only_fails()
    {
        var one = new Dictionary<string, Tensor> { ["place"] = Longs(0), ["numbers"] = Tensor.From<float>(ElementType.F32, [1, 3], s_near) };
        Assert.Equal([("numbers", null), ("place", "has no golden")], OutputComparisons.Of(IndexOutput.Find(s_graph), one, one.Where(o => o.Key == "numbers").ToDictionary(), Bf16).Select(o => (o.Name, o.Problem)));
        Assert.Equal([("numbers", null), ("place", "is no output, and has a golden")], OutputComparisons.Of(IndexOutput.Find(s_graph), one.Where(o => o.Key == "numbers").ToDictionary(), one, Bf16).Select(o => (o.Name, o.Problem)));
    }

    private static Tolerance Bf16 => Tolerance.Of(ElementType.BF16);

    private static OutputComparison Compare(string name, long actual, long golden, float[] goldenNumbers, float[] actualNumbers, Tolerance? rule = null) => Compare(name, [actual], [golden], goldenNumbers, actualNumbers, rule);

    private static OutputComparison Compare(string name, long[] actual, long[] golden, float[] goldenNumbers, float[] actualNumbers, Tolerance? rule = null)
    {
        return OutputComparisons.Of(IndexOutput.Find(s_graph), Outputs(actual, actualNumbers), Outputs(golden, goldenNumbers), rule ?? Bf16).Single(o => o.Name == name);

        Dictionary<string, Tensor> Outputs(long[] places, float[] numbers) => new()
        {
            ["numbers"] = Tensor.From<float>(ElementType.F32, [1, 3], numbers),
            [name] = name == "narrow" ? Tensor.From<int>(ElementType.I32, [1], [(int)places[0]]) : places.Length == 1 ? Longs(places) : Longs2(places),
        };
    }

    private static Tensor Longs(params long[] values) => Tensor.From<long>(ElementType.I64, [values.Length], values);

    private static Tensor Longs2(params long[] values) => Tensor.From<long>(ElementType.I64, [1, values.Length], values);

    private static Tensor Floats2(params float[] values) => Tensor.From<float>(ElementType.F32, [1, values.Length], values);
}
