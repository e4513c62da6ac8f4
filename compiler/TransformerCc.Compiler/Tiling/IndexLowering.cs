using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Operators about positions: progressions, shape values, triangles, and gathers along inner axes.</summary>
internal static class IndexLowering
{
    /// <summary>Elements of a tile along one axis.</summary>
    private const long TileElements = 1024;

    /// <summary>Lowers an operator of this family; false when the node is none.</summary>
    public static bool TryLower(TilingContext context, Node node, int shrink)
    {
        switch (node.Op)
        {
            case Iota iota:
                LowerIota(context, node, iota);
                return true;
            case ShapeValue value:
                LowerShapeValue(context, node, value);
                return true;
            case Trilu trilu:
                LowerTrilu(context, node, trilu, long.Max(1, 64 >> shrink));
                return true;
            case GraphIR.Operators.Gather gather:
                LowerGather(context, node, gather, long.Max(1, 256 >> shrink));
                return true;
            case DequantizeBlocks blocks:
                LowerBlocks(context, node, blocks, long.Max(1, 256 >> shrink));
                return true;
            default:
                return false;
        }
    }

    private static void LowerIota(TilingContext context, Node node, Iota iota)
    {
        ValuePlace target = context.Storage.Place(node.Output);
        int size = target.Format.Size();
        DimExpr outer = DimExpr.Product(iota.Shape.Take(iota.Axis)), length = iota.Shape[iota.Axis], inner = DimExpr.Product(iota.Shape.Skip(iota.Axis + 1));
        long columnTile = long.Min(TileElements, context.Bound(inner));
        long rowTile = long.Min(long.Max(1, TileElements / columnTile), context.Bound(length));
        context.Tiles("position", length, rowTile, (n0, rows) => context.Tiles("inner", inner, columnTile, (c0, columns) =>
        {
            long stride = TilingContext.RowStride(columnTile, target.Format);
            TileBuffer buffer = context.Builder.Buffer("iota", MemorySpace.Asp, stride * rowTile);
            context.Builder.Iota(new VectorTile(buffer, DimExpr.Zero, stride, target.Format), rows, columns, iota.Start + (n0 * iota.Step), iota.Step, DimExpr.Zero);
            target.From(((n0 * inner) + c0) * size, new Extent3(length * inner * size, inner * size, size))
                .Write(context.Builder, new StridedTile(buffer, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, stride, size)), new Extent3(outer, rows, columns));
        }));
    }

    private static void LowerShapeValue(TilingContext context, Node node, ShapeValue value)
    {
        ValuePlace target = context.Storage.Place(node.Output);
        int size = target.Format.Size();
        TileBuffer buffer = context.Builder.Buffer("shape", MemorySpace.Asp, (long)value.Elements.Count * size);
        for (int i = 0; i < value.Elements.Count; i++)
        {
            context.Builder.Iota(new VectorTile(buffer, (long)i * size, DimExpr.Zero, target.Format), DimExpr.One, DimExpr.One, value.Elements[i], DimExpr.Zero, DimExpr.Zero);
        }
        target.Run(DimExpr.Zero).Write(context.Builder, new StridedTile(buffer, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, DimExpr.Zero, size)), new Extent3(DimExpr.One, DimExpr.One, value.Elements.Count));
    }

    private static void LowerTrilu(TilingContext context, Node node, Trilu trilu, long tileRows)
    {
        EquatableArray<DimExpr> shape = node.Output.Type.Shape;
        ValuePlace source = context.Storage.Place(node.Inputs[0]), target = context.Storage.Place(node.Output);
        TileBuilder builder = context.Builder;
        DimExpr rows = shape[shape.Count - 2], columns = shape.Last;
        int size = target.Format.Size();
        TileBuffer zero = builder.Buffer("zero", MemorySpace.Asp, Lines.Bytes), diagonal = builder.Buffer("diagonal", MemorySpace.Asp, Lines.Bytes);
        builder.Fill(new ScratchOperand(zero, DimExpr.Zero), target.Format, DimExpr.Zero, DimExpr.One, DimExpr.One, 0);
        builder.Iota(new VectorTile(diagonal, DimExpr.Zero, DimExpr.Zero, ElementType.I64), DimExpr.One, DimExpr.One, trilu.Diagonal, DimExpr.Zero, DimExpr.Zero);
        long bound = context.Bound(columns), stride = Lines.RoundUp(bound * size), indexStride = Lines.RoundUp(bound * ElementType.I64.Size()), keepStride = Lines.RoundUp(bound);
        builder.Loop("matrix", DimExpr.Product(shape.Take(shape.Count - 2)), matrix => context.Tiles("rows", rows, tileRows, (r0, count) =>
        {
            TileBuffer x = builder.Buffer("x", MemorySpace.Asp, stride * tileRows), index = builder.Buffer("index", MemorySpace.Asp, indexStride * tileRows), keep = builder.Buffer("keep", MemorySpace.Asp, keepStride * tileRows);
            var tile = new StridedTile(x, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, stride, size));
            DimExpr offset = ((matrix * rows) + r0) * columns * size;
            source.Rows(offset, columns * size).Read(builder, tile, new Extent3(DimExpr.One, count, columns));
            // column − row of every element, compared with the diagonal.
            builder.Iota(new VectorTile(index, DimExpr.Zero, indexStride, ElementType.I64), count, columns, -r0, -1, DimExpr.One);
            VectorTile keepTile = new(keep, DimExpr.Zero, keepStride, ElementType.Bool), xTile = new(x, DimExpr.Zero, stride, target.Format);
            builder.Binary(trilu.Upper ? BinaryOp.GreaterOrEqual : BinaryOp.LessOrEqual, keepTile, new VectorTile(index, DimExpr.Zero, indexStride, ElementType.I64), new VectorTile(diagonal, DimExpr.Zero, DimExpr.Zero, ElementType.I64, 0), count, columns);
            builder.Select(xTile, keepTile, xTile, new VectorTile(zero, DimExpr.Zero, DimExpr.Zero, target.Format, 0), count, columns);
            target.Rows(offset, columns * size).Write(builder, tile, new Extent3(DimExpr.One, count, columns));
        }));
    }

    private static void LowerGather(TilingContext context, Node node, GraphIR.Operators.Gather gather, long tileRows)
    {
        EquatableArray<DimExpr> shape = node.Inputs[0].Type.Shape;
        DramTensor table = context.Storage.Tensor(node.Inputs[0]);
        ValuePlace indexPlace = context.Storage.Place(node.Inputs[1]), target = context.Storage.Place(node.Output);
        DimExpr outer = DimExpr.Product(shape.Take(gather.Axis)), length = shape[gather.Axis], inner = DimExpr.Product(shape.Skip(gather.Axis + 1)), indices = node.Inputs[1].Type.Count;
        int size = target.Format.Size(), indexSize = indexPlace.Format.Size();
        long stride = TilingContext.RowStride(context.Bound(inner), target.Format);
        TileBuilder builder = context.Builder;
        builder.Loop("outer", outer, o => context.Tiles("indices", indices, tileRows, (i0, count) =>
        {
            TileBuffer list = builder.Buffer("indices", MemorySpace.Asp, tileRows * indexSize), rows = builder.Buffer("rows", MemorySpace.Asp, stride * tileRows);
            indexPlace.Run(i0 * indexSize).Read(builder, new StridedTile(list, DimExpr.Zero, indexPlace.Format, new Extent3(DimExpr.Zero, DimExpr.Zero, indexSize)), new Extent3(DimExpr.One, DimExpr.One, count));
            DimExpr rowBytes = inner * table.Type.Size();
            builder.Gather(new VectorTile(rows, DimExpr.Zero, stride, target.Format), new StridedDram(table, o * length * rowBytes, new Extent3(DimExpr.Zero, rowBytes, DimExpr.Zero)), length, new ScratchOperand(list, DimExpr.Zero), indexPlace.Format, count, inner);
            target.Rows(((o * indices) + i0) * inner * size, inner * size).Write(builder, new StridedTile(rows, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, stride, size)), new Extent3(DimExpr.One, count, inner));
        }));
    }

    /// <summary>Every row is gathered, and decoded on the way.</summary>
    private static void LowerBlocks(TilingContext context, Node node, DequantizeBlocks blocks, long tileRows)
    {
        DramTensor table = context.Storage.Tensor(node.Inputs[0]);
        ValuePlace target = context.Storage.Place(node.Output);
        EquatableArray<DimExpr> shape = node.Output.Type.Shape;
        DimExpr rows = DimExpr.Product(shape.Take(shape.Count - 1));
        (int size, int indexSize) = (target.Format.Size(), ElementType.I64.Size());
        long stride = TilingContext.RowStride(blocks.Columns, target.Format);
        TileBuilder builder = context.Builder;
        context.Tiles("rows", rows, tileRows, (r0, count) =>
        {
            TileBuffer list = builder.Buffer("indices", MemorySpace.Asp, tileRows * indexSize), decoded = builder.Buffer("rows", MemorySpace.Asp, stride * tileRows);
            builder.Iota(new VectorTile(list, DimExpr.Zero, indexSize, ElementType.I64), count, DimExpr.One, r0, DimExpr.One, DimExpr.Zero);
            builder.Gather(new VectorTile(decoded, DimExpr.Zero, stride, target.Format), new StridedDram(table, DimExpr.Zero, new Extent3(DimExpr.Zero, blocks.Format.RowBytes(blocks.Columns), DimExpr.Zero)),
                rows, new ScratchOperand(list, DimExpr.Zero), ElementType.I64, count, blocks.Columns, blocks.Format);
            target.Rows(r0 * blocks.Columns * size, blocks.Columns * size).Write(builder, new StridedTile(decoded, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, stride, size)), new Extent3(DimExpr.One, count, blocks.Columns));
        });
    }
}
