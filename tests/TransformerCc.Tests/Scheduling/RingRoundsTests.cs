using System.Text.RegularExpressions;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Scheduling;

/// <summary>Which slots of the ring the panels of a loop's body take, so that none waits for a panel that has just come.</summary>
public sealed partial class RingRoundsTests
{
    [Theory]
    [InlineData(4, "0 1 2 3")]
    [InlineData(5, "0 1 2 0 1")]
    [InlineData(6, "0 1 2 3 0 1")]
    [InlineData(9, "0 1 2 0 1 2 0 1 2")]
    [InlineData(13, "0 1 2 3 0 1 2 0 1 2 0 1 2")]
    public void Slots_rest_equally_long(int panels, string slots)
    {
        TileProgram program = Empty();
        var weights = WeightMatrix.Of(Tensor.From<float>(ElementType.F32, [16 * panels, 16], new float[256 * panels]));
        var b = new TileBuilder(program);
        TileBuffer x = b.Buffer("x", MemorySpace.Asp, 4096), sum = b.Buffer("sum", MemorySpace.Acc, 512);
        b.Loop("layer", DimExpr.Symbol("n"), _ =>
        {
            for (int i = 0; i < panels; i++)
            {
                b.LoadWeights(program.Ring[i % 4], program.Weights.Panel(weights, 16 * i, 16, 0, 16, ElementType.F32));
                Product(b, x, sum, program.Ring[i % 4]);
            }
        });

        WeightPrefetch.Run(program);

        string text = TilePrinter.Print(program);
        Assert.Equal(slots, string.Join(' ', Loads().Matches(text).Select(m => m.Groups[1].Value)));
        Assert.Equal(slots, string.Join(' ', Products().Matches(text).Select(m => m.Groups[1].Value)));
    }

    [Fact]
    public void What_a_lowering_ordered_stays_with_its_statement()
    {
        TileProgram program = Empty();
        var b = new TileBuilder(program);
        TileChannel full = b.Channel("full", Engine.Vector, Engine.Matrix, 1), free = b.Channel("free", Engine.Matrix, Engine.Vector, 0);
        TileBuffer x = b.Buffer("x", MemorySpace.Asp, 4096), sum = b.Buffer("sum", MemorySpace.Acc, 512);
        b.Take(full);
        Product(b, x, sum, program.Ring[0]);
        b.Give(free);

        TileStatement product = Assert.IsType<TileStatement>(program.Body.Nodes[^1]).Replace(new Dictionary<TileBuffer, TileBuffer> { [program.Ring[0]] = program.Ring[1] });

        Assert.Equal(program.Ring[1], ((ScratchOperand)product.Find("w")!).Buffer);
        Assert.Equal((full, free), (Assert.Single(product.Takes), Assert.Single(product.Gives)));
    }

    private static TileProgram Empty() => new()
    {
        Chip = TestChips.Edge,
        Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(1, 8) },
        Weights = new WeightStream(),
        Ring = [.. Enumerable.Range(0, 4).Select(i => new TileBuffer($"ring{i}", MemorySpace.Wsp, 1024))],
    };

    private static void Product(TileBuilder b, TileBuffer x, TileBuffer sum, TileBuffer slot) =>
        b.MatMul(new VectorTile(x, DimExpr.Zero, 256, ElementType.F32), new ScratchOperand(slot, DimExpr.Zero), ElementType.F32, 64, PanelLayout.KByN, new ScratchOperand(sum, DimExpr.Zero), 512, DimExpr.One, 16, 16, AccumulateMode.Init, 1);

    [GeneratedRegex(@"loadw dst=\$ring(\d)")]
    private static partial Regex Loads();

    [GeneratedRegex(@"mm .*? w=\$ring(\d)")]
    private static partial Regex Products();
}
