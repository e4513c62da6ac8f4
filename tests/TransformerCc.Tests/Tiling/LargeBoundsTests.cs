using TransformerCc.Compiler;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <summary>Bounds that are no sizes: a model may have many dimensions that nothing bounds, and is compiled all the same.</summary>
public sealed class LargeBoundsTests
{
    [Theory]
    [InlineData("%y : f32[a, b, c, d, 16] = unary(%x) {function = exp}")]
    [InlineData("%y : f32[a, b, c, d, 16] = linear(%x, %w)")]
    [InlineData("%y : f32[16, d, c, b, a] = transpose(%x) {permutation = [4, 3, 2, 1, 0]}")]
    public void Products_of_bounds_do_not_overflow(string node)
    {
        TileProgram program = Tiler.Lower(GraphTexts.Parse($$"""
            dim a in 1..1099511627776
            dim b in 1..1099511627776
            dim c in 1..1099511627776
            dim d in 1..1099511627776
            input %x : f32[a, b, c, d, 16]
            const %w : f32[16, 16] = #w
            {{node}}
            output "y" = %y
            """), TestChips.Default, Precision.BF16);
        Assert.Empty(TileVerifier.Verify(program));
    }
}
