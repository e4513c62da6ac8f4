using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <summary>The tile program of each lowering as text, and what tiling says when it cannot lower.</summary>
public sealed class TilerTests
{
    [Theory]
    [InlineData("linear")]
    [InlineData("gated_ffn")]
    [InlineData("causal")]
    [InlineData("grouped_past")]
    [InlineData("boolean_mask")]
    [InlineData("additive_mask")]
    [InlineData("rope")]
    [InlineData("embedding")]
    [InlineData("movement")]
    [InlineData("columns")]
    [InlineData("indices")]
    [InlineData("matmul")]
    [InlineData("conv1d")]
    [InlineData("conv2d")]
    [InlineData("conv_stem")]
    public void Tiles(string name) => Snapshot.Match(TilePrinter.Print(Tiler.Lower(SmallGraphs.Named(name).Parse(), TestChips.Edge, Precision.BF16)), name);

    /// <summary>Tile sizes follow the chip: the same graph with smaller scratchpads.</summary>
    [Fact]
    public void Tiles_of_a_tiny_chip() => Snapshot.Match(TilePrinter.Print(Tiler.Lower(SmallGraphs.Named("gated_ffn").Parse(), TestChips.Tiny, Precision.F32)));

    /// <summary>Columns that leave arrays idle: rows are split, and linears of one input run side by side.</summary>
    [Fact]
    public void Tiles_on_four_arrays() => Snapshot.Match(TilePrinter.Print(Tiler.Lower(SmallGraphs.Named("projections").Parse(), TestChips.Default, Precision.BF16)));

    /// <summary>Gate and up meet in the accumulators, and their many blocks of columns are a loop.</summary>
    [Fact]
    public void Tiles_of_a_long_gate() => Snapshot.Match(TilePrinter.Print(Tiler.Lower(SmallGraphs.Named("long_gate").Parse(), TestChips.Tiny, Precision.F32)));

    [Fact]
    public void Every_operator_without_a_lowering_is_listed()
    {
        Graph graph = GraphTexts.Parse("""
            dim n in 1..16
            dim c in 1..16
            input %x : f32[n, c, 6]
            input %w : f32[4, 6, 3]
            input %fill : f32[]
            %sums : f32[n, c, 6] = cumsum(%x) {axis = 1} from "/sums"
            %first : f32[n, c, 6] = softmax(%x) {axis = 0} from "/first"
            %middle : f32[n, 6] = reduce(%x) {function = sum, axes = [1]} from "/middle"
            %border : f32[n, c, 8] = pad(%x, %fill) {before = [0, 0, 1], after = [0, 0, 1]} from "/border"
            %plain : f32[n, c, 6] = unary(%x) {function = exp} from "/plain"
            output "sums" = %sums
            output "first" = %first
            output "middle" = %middle
            output "border" = %border
            output "plain" = %plain
            """);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => Tiler.Lower(graph, TestChips.Edge, Precision.F32));
        Assert.Equal(FailureKind.InvalidInput, e.Kind);
        Assert.All(e.Diagnostics, d => Assert.Equal("TCC3010", d.Code));
        Assert.Equal(["/sums", "/first", "/middle", "/border"], e.Diagnostics.Select(d => d.Location));
    }

    /// <summary>The instruction holds heads and widths in 16 bits.</summary>
    [Fact]
    public void Wider_heads_than_the_instruction_holds_are_refused()
    {
        Graph graph = GraphTexts.Parse("""
            dim n in 1..16
            input %x : f32[1, n, 1, 131072]
            input %c : f32[n, 65536]
            input %s : f32[n, 65536]
            %y : f32[1, n, 1, 131072] = rope(%x, %c, %s) {kind = half, layout = bshd} from "/rope"
            output "y" = %y
            """);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => Tiler.Lower(graph, TestChips.Default, Precision.F32));
        Assert.Equal(("TCC3010", "/rope"), (Assert.Single(e.Diagnostics).Code, e.Diagnostics[0].Location));
    }

    [Fact]
    public void Too_small_a_chip_names_every_node_and_its_buffers()
    {
        ChipDescription chip = TestChips.Tiny with { Memory = TestChips.Tiny.Memory with { AspBytes = 4 << 10 } };
        Graph graph = GraphTexts.Parse("""
            dim n in 1..64
            input %x : f32[n, 2048]
            const %scale : f32[2048] = #scale
            %a : f32[n, 2048] = norm(%x, %scale) {kind = rms, epsilon = 1E-05} from "/layers.0/norm"
            %r : f32[2048, n] = transpose(%a) {permutation = [1, 0]} from "/transpose"
            %s : f32[2048, n] = softmax(%r) {axis = 1} from "/softmax"
            %t : f32[n, 2048] = transpose(%s) {permutation = [1, 0]} from "/transpose_back"
            %b : f32[n, 2048] = softmax(%t) {axis = 1} from "/layers.1/softmax"
            output "b" = %b
            """);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => Tiler.Lower(graph, chip, Precision.F32));
        Assert.Equal(FailureKind.DoesNotFit, e.Kind);
        Assert.Equal(["norm /layers.0/norm", "softmax /layers.1/softmax"], e.Diagnostics.Select(d => d.Location));
        Assert.Contains("ASP of 4096 bytes is too small by", e.Diagnostics[0].Message, StringComparison.Ordinal);
        Assert.Contains("x (8192 bytes)", e.Diagnostics[0].Message, StringComparison.Ordinal);
    }
}
