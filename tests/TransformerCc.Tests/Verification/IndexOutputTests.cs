using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

/// <summary>The place of the largest of nearly equal numbers is that of the chip's own numbers, and of no others.</summary>
public sealed class IndexOutputTests
{
    private static readonly Graph s_graph = GraphTexts.Parse("""
        input %x : f32[1, 3]
        %numbers : f32[1, 3] = unary(%x) {function = exp}
        %place : i64[1] = reduce(%numbers) {function = arg_max, axes = [1]}
        %hidden : f32[1, 3] = unary(%x) {function = tanh}
        %other : i64[1] = reduce(%hidden) {function = arg_max, axes = [1]}
        output "numbers" = %numbers
        output "place" = %place
        output "other" = %other
        """);

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    public void Places_follow_the_numbers_beside_them(long place, bool isRight)
    {
        Dictionary<string, Tensor> goldens = Outputs([1, 1.001f, 0], 1, 1), actual = Outputs([1.001f, 1, 0], place, 0);
        IReadOnlyDictionary<string, Tensor> followed = IndexOutput.Follow(IndexOutput.Find(s_graph), goldens, actual);
        Assert.Equal(isRight, OutputComparison.Compare("place", actual["place"], followed["place"], Tolerance.Of(ElementType.BF16)).Passed);
        // Numbers that are no output cannot tell what is right.
        Assert.Equal(goldens["other"], followed["other"]);
        Assert.Equal(goldens["numbers"], followed["numbers"]);
    }

    private static Dictionary<string, Tensor> Outputs(float[] numbers, long place, long other) => new()
    {
        ["numbers"] = Tensor.From<float>(ElementType.F32, [1, 3], numbers),
        ["place"] = Tensor.From<long>(ElementType.I64, [1], [place]),
        ["other"] = Tensor.From<long>(ElementType.I64, [1], [other]),
    };
}
