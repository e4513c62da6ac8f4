using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A convolution as a product: the patches under a tile of output positions are copied together in ASP and multiplied by
/// the weights. No patch matrix exists in DRAM.
/// </summary>
internal static class ConvLowering
{
    private const int TilePositions = 256;

    /// <summary>Named values keep their registers to the end of the tile; those of more taps are computed again where they are used.</summary>
    private const int MaximumNamedTaps = 8;

    public static void Lower(TilingContext context, Node node, int shrink)
    {
        TileBuilder builder = context.Builder;
        EquatableArray<DimExpr> y = node.Output.Type.Shape;
        var shape = ConvShape.Of(context, node);
        ValuePlace target = context.Storage.Place(node.Output);
        DimExpr[] to = ByteStrides.Of(y, target.Format.Size());
        DimExpr lines = shape.IsPlanar ? y[2] : DimExpr.One;
        long tile = long.Min(long.Max(1, TilePositions >> shrink), context.Bound(y.Last));
        // Short lines share a tile.
        long tileLines = y.Last.ConstantValue is { } width and > 0 && width == tile ? long.Clamp((TilePositions >> shrink) / width, 1, context.Bound(lines)) : 1;
        context.SetSource("conv/constants", node);
        Tensor weights = context.ConvolutionWeights(node.Inputs[1].ConstantData!);
        TileBuffer? bias = ((Conv)node.Op).HasBias ? LoadBias(context, node.Inputs[2], weights.Shape[1]) : null;
        builder.Loop("batch", y[0], b => context.Tiles("lines", lines, tileLines, (l0, count) => context.Tiles("positions", y.Last, tile, (p0, positions) =>
        {
            context.SetSource("conv/patches", node);
            ElementType format = context.Storage.MatrixFormat;
            (long depth, long outputs) = (weights.Shape[0], weights.Shape[1]);
            long patchStride = Lines.RoundUp(depth * format.Size()), accumulatorStride = Lines.RoundUp(outputs * sizeof(float), Lines.AccumulatorRowBytes), resultStride = Lines.RoundUp(outputs * target.Format.Size());
            long capacity = tile * tileLines;
            DimExpr rows = count * positions;
            TileBuffer patches = builder.Buffer("patches", MemorySpace.Asp, patchStride * capacity);
            if (shape.IsPadded)
            {
                builder.Fill(new ScratchOperand(patches, DimExpr.Zero), format, patchStride, rows, depth, 0);
            }
            if (depth > 0)
            {
                var window = ConvWindow.Of(context, shape, b, (l0, count, tileLines), (p0, positions, tile));
                builder.Loop("line", count, l => Patches(context, shape, window, new VectorTile(patches, l * positions * patchStride, patchStride, format), (l0, l), p0, positions));
            }
            context.SetSource("conv/product", node);
            TileBuffer accumulator = builder.Buffer("product", MemorySpace.Acc, accumulatorStride * capacity);
            Product(context, weights, patches, patchStride, accumulator, accumulatorStride, rows, format);
            context.SetSource("conv/store", node);
            TileBuffer result = builder.Buffer("result", MemorySpace.Asp, resultStride * capacity);
            VectorTile sum = new(accumulator, DimExpr.Zero, accumulatorStride, ElementType.F32), resultTile = new(result, DimExpr.Zero, resultStride, target.Format);
            if (bias is null)
            {
                builder.Unary(UnaryOp.Copy, resultTile, sum, rows, outputs);
            }
            else
            {
                builder.Binary(BinaryOp.Add, resultTile, sum, new VectorTile(bias, DimExpr.Zero, DimExpr.Zero, ElementType.F32), rows, outputs);
            }
            // Channels are rows of the result and columns here: the transfer transposes.
            target.From((b * to[0]) + (shape.IsPlanar ? l0 * to[2] : DimExpr.Zero) + (p0 * to[^1]), new Extent3(DimExpr.Zero, to[1], to[^1]))
                .Write(builder, new StridedTile(result, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, target.Format.Size(), resultStride)), new Extent3(DimExpr.One, outputs, rows));
        })));
    }

    /// <summary>The patches under a line of positions, a row each: taps outside, channels inside.</summary>
    /// <param name="line">First line of the tile, and the line's number in it.</param>
    private static void Patches(TilingContext context, ConvShape shape, ConvWindow window, VectorTile patches, (DimExpr First, DimExpr Index) line, DimExpr p0, DimExpr positions)
    {
        (TileBuilder builder, int size, DimExpr column) = (context.Builder, patches.Format.Size(), shape.Columns.Stride * window.Column);
        for (long tapLine = 0; tapLine < shape.Lines.Kernel; tapLine++)
        {
            DimExpr windowLine = (line.Index * shape.Lines.Stride) + (tapLine * shape.Lines.Dilation);
            DimExpr valid = shape.Lines.Valid(tapLine, line.First + line.Index, DimExpr.One, shape.InputLines).Count;
            if (!shape.Columns.IsPadded)
            {
                // All taps of a line of the kernel at once.
                builder.Copy(new StridedTile(patches.Buffer, patches.Offset + (tapLine * shape.Columns.Kernel * shape.Channels * size), patches.Format, new Extent3(patches.RowStride, shape.Channels * size, size)),
                    new StridedTile(window.Buffer, window.At(windowLine, DimExpr.Zero), window.Format, new Extent3(column, shape.Columns.Dilation * window.Column, window.Channel)),
                    new Extent3(positions * valid, shape.Columns.Kernel, shape.Channels));
                continue;
            }
            for (long tap = 0; tap < shape.Columns.Kernel; tap++)
            {
                (DimExpr first, DimExpr count) = shape.Columns.Valid(tap, p0, positions, shape.Input.Last);
                count *= valid;
                if (shape.Taps <= MaximumNamedTaps)
                {
                    count = builder.Let("valid", count);
                    first = builder.Let("first", first);
                }
                builder.Copy(new StridedTile(patches.Buffer, patches.Offset + ((first - p0) * patches.RowStride) + (((tapLine * shape.Columns.Kernel) + tap) * shape.Channels * size), patches.Format, new Extent3(DimExpr.Zero, patches.RowStride, size)),
                    new StridedTile(window.Buffer, window.At(windowLine, ((first - p0) * shape.Columns.Stride) + (tap * shape.Columns.Dilation)), window.Format, new Extent3(DimExpr.Zero, column, window.Channel)),
                    new Extent3(DimExpr.One, count, shape.Channels));
            }
        }
    }

    /// <summary>Weights [O, C, k…] as the matrix [k…·C, O] whose rows follow the order of the patches: taps outside, channels inside.</summary>
    public static Tensor AsMatrix(Tensor weights)
    {
        (long outputs, long channels) = (weights.Shape[0], weights.Shape[1]);
        long taps = channels == 0 || outputs == 0 ? 0 : weights.Count / outputs / channels;
        int size = weights.Type.Size();
        var bytes = new byte[weights.Data.Length];
        ReadOnlySpan<byte> from = weights.Data.Span;
        for (long t = 0; t < taps; t++)
        {
            for (long c = 0; c < channels; c++)
            {
                for (long o = 0; o < outputs; o++)
                {
                    from.Slice((int)(((((o * channels) + c) * taps) + t) * size), size).CopyTo(bytes.AsSpan((int)(((((t * channels) + c) * outputs) + o) * size)));
                }
            }
        }
        return new Tensor(weights.Type, [taps * channels, outputs], bytes);
    }

    private static void Product(TilingContext context, Tensor weights, TileBuffer patches, long patchStride, TileBuffer accumulator, long accumulatorStride, DimExpr positions, ElementType format)
    {
        (long depth, long outputs) = (weights.Shape[0], weights.Shape[1]);
        var matrix = WeightMatrix.Of(weights);
        const int group = Isa.Instructions.MatMul.GroupSize;
        long block = long.Min(outputs, Math.Max(context.Chip.Matrix.N, context.Ring[0].Bytes / group / format.Size() / context.Chip.Matrix.N * context.Chip.Matrix.N));
        if (group * Lines.RoundUp(block * format.Size()) > context.Ring[0].Bytes)
        {
            throw PanelGeometry.TooSmall(context.Ring[0].Bytes, $"{block} columns of {format.Name()}");
        }
        long panelDepth = context.Ring[0].Bytes / Lines.RoundUp(block * format.Size()) / group * group;
        for (long n0 = 0; n0 < outputs; n0 += block)
        {
            for (long k0 = 0; k0 < depth; k0 += panelDepth)
            {
                WeightPanel panel = context.Builder.Program.Weights.Panel(matrix, k0, long.Min(panelDepth, depth - k0), n0, long.Min(block, outputs - n0), format);
                TileBuffer slot = context.NextSlot();
                context.Builder.LoadWeights(slot, panel);
                context.Builder.MatMul(new VectorTile(patches, k0 * format.Size(), patchStride, format), new ScratchOperand(slot, DimExpr.Zero), format, panel.RowStride, PanelLayout.KByN,
                    new ScratchOperand(accumulator, n0 * sizeof(float)), accumulatorStride, positions, panel.Rows, panel.Columns, k0 == 0 ? AccumulateMode.Init : AccumulateMode.Add, context.Chip.Matrix.Arrays);
            }
        }
    }

    private static TileBuffer LoadBias(TilingContext context, Value value, long outputs)
    {
        ValuePlace place = context.Storage.Place(value);
        TileBuffer bias = context.Builder.Buffer("bias", MemorySpace.Asp, outputs * sizeof(float));
        place.Run(DimExpr.Zero).Read(context.Builder, new StridedTile(bias, DimExpr.Zero, ElementType.F32, new Extent3(DimExpr.Zero, DimExpr.Zero, sizeof(float))), new Extent3(DimExpr.One, DimExpr.One, outputs));
        return bias;
    }
}
