using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.TileIR;

/// <summary>Tile programs built by hand.</summary>
internal static class TilePrograms
{
    public static TileProgram Empty() => new()
    {
        Chip = TestChips.Edge,
        Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(1, 256) },
        Weights = new WeightStream(),
        Ring = [new TileBuffer("ring0", MemorySpace.Wsp, 4096)],
    };

    /// <summary>y = exp(x) in tiles of 64 rows of 16 columns, and one product from the weight ring.</summary>
    public static TileProgram Example()
    {
        TileProgram program = Empty();
        DimExpr n = DimExpr.Symbol("n");
        var x = new DramTensor("x", TensorKind.Input, ElementType.F32, [n, 16]);
        var y = new DramTensor("y", TensorKind.Output, ElementType.F32, [n, 16]);
        program.Tensors.AddRange([x, y]);
        var weights = Tensor.From<float>(ElementType.F32, [16, 16], new float[256]);
        var b = new TileBuilder(program);
        b.Loop("tile", DimExpr.CeilDiv(n, 64), tile =>
        {
            DimExpr rows = b.Let("rows", DimExpr.Min(64, n - (tile * 64)));
            TileBuffer buffer = b.Buffer("x", MemorySpace.Asp, 64 * 64), sum = b.Buffer("sum", MemorySpace.Acc, 64 * 512);
            var place = new StridedTile(buffer, DimExpr.Zero, ElementType.F32, new Extent3(DimExpr.Zero, 64, 4));
            var count = new Extent3(DimExpr.One, rows, 16);
            b.SetSource("exp/load", "y", "/Exp");
            b.Load(place, new StridedDram(x, tile * 4096, new Extent3(DimExpr.Zero, 64, 4)), count);
            b.SetSource("exp", "y", "/Exp");
            VectorTile tileX = new(buffer, DimExpr.Zero, 64, ElementType.F32);
            b.Unary(UnaryOp.Exp, tileX, tileX, rows, 16);
            WeightPanel panel = program.Weights.Panel(WeightMatrix.Of(weights), 0, 16, 0, 16, ElementType.F32);
            b.LoadWeights(program.Ring[0], panel);
            b.MatMul(tileX, new ScratchOperand(program.Ring[0], DimExpr.Zero), ElementType.F32, 64, PanelLayout.KByN, new ScratchOperand(sum, DimExpr.Zero), 512, rows, 16, 16, AccumulateMode.Init, 1);
            b.Unary(UnaryOp.Copy, tileX, new VectorTile(sum, DimExpr.Zero, 512, ElementType.F32), rows, 16);
            b.Store(new StridedDram(y, tile * 4096, new Extent3(DimExpr.Zero, 64, 4)), place, count);
        });
        return program;
    }
}
