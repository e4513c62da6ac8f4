using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Scheduling;

/// <summary>Where loads of weights stand after they are moved up: behind the last use of their slot, and behind what decides their address.</summary>
public sealed class WeightPrefetchTests
{
    /// <summary>Three products with a ring of two slots, a loop of other work before the third, and one whose panel a register chooses.</summary>
    [Fact]
    public void Loads_move_to_where_their_slot_is_free()
    {
        var program = new TileProgram
        {
            Chip = TestChips.Edge,
            Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(1, 8) },
            Weights = new WeightStream(),
            Ring = [.. Enumerable.Range(0, 2).Select(i => new TileBuffer($"ring{i}", MemorySpace.Wsp, 1024))],
        };
        var weights = WeightMatrix.Of(Tensor.From<float>(ElementType.F32, [64, 16], new float[1024]));
        var b = new TileBuilder(program);
        TileBuffer x = b.Buffer("x", MemorySpace.Asp, 256), sum = b.Buffer("sum", MemorySpace.Acc, 512);
        VectorTile row = new(x, DimExpr.Zero, 256, ElementType.F32);
        for (int i = 0; i < 3; i++)
        {
            if (i == 2)
            {
                b.Loop("work", DimExpr.Symbol("n"), _ => b.Unary(UnaryOp.Exp, row, row, DimExpr.One, 64));
            }
            Product(i, null);
        }
        DimExpr expert = b.LoadScalar("expert", new ScratchOperand(x, DimExpr.Zero), ElementType.I32, new DimInterval(0, 3));
        Product(3, expert * 1024);

        WeightPrefetch.Run(program);

        Assert.Empty(TileVerifier.Verify(program));
        Snapshot.Match(TilePrinter.Print(program));

        void Product(int i, DimExpr? shift)
        {
            TileBuffer slot = program.Ring[i % 2];
            WeightPanel panel = program.Weights.Panel(weights, 16 * i, 16, 0, 16, ElementType.F32);
            b.LoadWeights(slot, panel, shift);
            b.MatMul(row, new ScratchOperand(slot, DimExpr.Zero), ElementType.F32, 64, PanelLayout.KByN, new ScratchOperand(sum, DimExpr.Zero), 512, DimExpr.One, 16, 16, AccumulateMode.Init, 1);
        }
    }
}
