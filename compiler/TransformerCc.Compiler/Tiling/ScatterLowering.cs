using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A copy of the data, over which rows of updates are written by index, tile after tile in order.</summary>
internal static class ScatterLowering
{
    private const long TileRows = 1024;

    public static void Lower(TilingContext context, Node node, Scatter scatter, int shrink)
    {
        DramTensor target = context.Storage.Tensor(node.Output);
        ValuePlace indices = context.Storage.Place(node.Inputs[1]), updates = context.Storage.Place(node.Inputs[2]);
        EquatableArray<DimExpr> shape = node.Output.Type.Shape;
        DimExpr width = DimExpr.Product(shape.Skip(1)), count = node.Inputs[1].Type.Count;
        (int size, int indexSize) = (updates.Format.Size(), indices.Format.Size());
        long stride = TilingContext.RowStride(context.Bound(width), updates.Format);
        MovementLowering.CopyAll(context, node.Inputs[0], ValuePlace.Of(target));
        TileBuilder builder = context.Builder;
        context.Tiles("updates", count, long.Max(1, long.Min(TileRows, context.Bound(count)) >> shrink), (i0, rows) =>
        {
            long capacity = long.Max(1, context.Bound(rows));
            TileBuffer list = builder.Buffer("indices", MemorySpace.Asp, capacity * indexSize), block = builder.Buffer("updates", MemorySpace.Asp, stride * capacity);
            indices.Run(i0 * indexSize).Read(builder, new StridedTile(list, DimExpr.Zero, indices.Format, new Extent3(DimExpr.Zero, DimExpr.Zero, indexSize)), new Extent3(DimExpr.One, DimExpr.One, rows));
            updates.Rows(i0 * width * size, width * size).Read(builder, new StridedTile(block, DimExpr.Zero, updates.Format, new Extent3(DimExpr.Zero, stride, size)), new Extent3(DimExpr.One, rows, width));
            builder.Scatter(scatter.Mode, new StridedDram(target, DimExpr.Zero, new Extent3(DimExpr.Zero, width * target.Type.Size(), DimExpr.Zero)), shape[0],
                new VectorTile(block, DimExpr.Zero, stride, updates.Format), new ScratchOperand(list, DimExpr.Zero), indices.Format, rows, width);
        });
    }
}
