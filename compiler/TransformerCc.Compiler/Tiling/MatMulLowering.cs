using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A product of two activations, or of batched constants: tiles of both operands are loaded as the loops need them.</summary>
internal static class MatMulLowering
{
    private const long TileRows = 128;
    private const long TileColumns = 256;
    private const long TileDepth = 256;

    public static void Lower(TilingContext context, Node node, int shrink)
    {
        TileBuilder builder = context.Builder;
        EquatableArray<DimExpr> shape = node.Output.Type.Shape;
        ValuePlace a = context.Storage.Place(node.Inputs[0]), b = context.Storage.Place(node.Inputs[1]), target = context.Storage.Place(node.Output);
        EquatableArray<DimExpr> aShape = node.Inputs[0].Type.Shape, bShape = node.Inputs[1].Type.Shape;
        DimExpr m = shape[shape.Count - 2], n = shape.Last, k = aShape.Last;
        // 8-bit integers are multiplied as they are, into int32; everything else in the format of the matrix engine.
        bool bytes = target.Format == ElementType.I32 && a.Format.Size() == 1;
        ElementType accumulate = bytes ? ElementType.I32 : ElementType.F32, aFormat = bytes ? a.Format : context.Storage.MatrixFormat, bFormat = bytes ? b.Format : context.Storage.MatrixFormat;
        long rowTile = long.Min(long.Max(1, TileRows >> shrink), context.Bound(m));
        long columnTile = long.Min(long.Max(context.Chip.Matrix.N, TileColumns >> shrink), context.Bound(n));
        // Whole K-groups, so that the order of additions does not depend on the tile.
        long depthTile = long.Min(long.Max(Isa.Instructions.MatMul.GroupSize, TileDepth >> shrink), context.Bound(k));
        long aStride = Lines.RoundUp(depthTile * aFormat.Size()), bStride = Lines.RoundUp(columnTile * bFormat.Size());
        long accumulatorStride = Lines.RoundUp(columnTile * sizeof(float), Lines.AccumulatorRowBytes), resultStride = Lines.RoundUp(columnTile * target.Format.Size());
        (int aSize, int bSize, int size) = (a.Format.Size(), b.Format.Size(), target.Format.Size());
        Batches(0, DimExpr.Zero, DimExpr.Zero, DimExpr.Zero);

        void Batches(int axis, DimExpr aOffset, DimExpr bOffset, DimExpr targetOffset)
        {
            if (axis < shape.Count - 2)
            {
                builder.Loop("batch", shape[axis], i => Batches(axis + 1,
                    aOffset + (i * BatchStride(aShape, shape.Count, axis, aSize)), bOffset + (i * BatchStride(bShape, shape.Count, axis, bSize)), targetOffset + (i * BatchStride(shape, shape.Count, axis, size))));
                return;
            }
            context.Tiles("rows", m, rowTile, (m0, rows) => context.Tiles("columns", n, columnTile, (n0, columns) =>
            {
                TileBuffer accumulator = builder.Buffer("product", MemorySpace.Acc, accumulatorStride * rowTile);
                builder.Fill(new ScratchOperand(accumulator, DimExpr.Zero), accumulate, accumulatorStride, rows, columns, 0);
                context.Tiles("depth", k, depthTile, (k0, depth) =>
                {
                    TileBuffer left = builder.Buffer("left", MemorySpace.Asp, aStride * rowTile), right = builder.Buffer("right", MemorySpace.Wsp, bStride * depthTile);
                    a.Rows(aOffset + (((m0 * k) + k0) * aSize), k * aSize).Read(builder, new StridedTile(left, DimExpr.Zero, aFormat, new Extent3(DimExpr.Zero, aStride, aFormat.Size())), new Extent3(DimExpr.One, rows, depth));
                    b.Rows(bOffset + (((k0 * n) + n0) * bSize), n * bSize).Read(builder, new StridedTile(right, DimExpr.Zero, bFormat, new Extent3(DimExpr.Zero, bStride, bFormat.Size())), new Extent3(DimExpr.One, depth, columns));
                    builder.MatMul(new VectorTile(left, DimExpr.Zero, aStride, aFormat), new ScratchOperand(right, DimExpr.Zero), bFormat, bStride, PanelLayout.KByN,
                        new ScratchOperand(accumulator, DimExpr.Zero), accumulatorStride, rows, depth, columns, AccumulateMode.Add, context.Chip.Matrix.Arrays);
                });
                TileBuffer result = builder.Buffer("result", MemorySpace.Asp, resultStride * rowTile);
                builder.Unary(UnaryOp.Copy, new VectorTile(result, DimExpr.Zero, resultStride, target.Format), new VectorTile(accumulator, DimExpr.Zero, accumulatorStride, accumulate), rows, columns);
                target.Rows(targetOffset + (((m0 * n) + n0) * size), n * size).Write(builder, new StridedTile(result, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, resultStride, size)), new Extent3(DimExpr.One, rows, columns));
            }));
        }
    }

    /// <summary>Bytes from one step of a batch axis to the next; 0 where the operand is repeated.</summary>
    private static DimExpr BatchStride(EquatableArray<DimExpr> shape, int rank, int axis, int elementBytes)
    {
        int own = axis - (rank - shape.Count);
        return own < 0 || shape[own].Is(1) ? DimExpr.Zero : DimExpr.Product(shape.Skip(own + 1)) * elementBytes;
    }
}
