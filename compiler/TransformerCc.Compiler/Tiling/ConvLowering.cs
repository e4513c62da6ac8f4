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
    /// <summary>Output positions of a tile, largest first: each tile reads all weights.</summary>
    private static readonly int[] s_tilePositions = [1024, 512, 384, 256, 128, 32, 8, 1];

    public static void Lower(TilingContext context, Node node, int shrink)
    {
        TileBuilder builder = context.Builder;
        EquatableArray<DimExpr> y = node.Output.Type.Shape;
        var conv = (Conv)node.Op;
        var shape = ConvShape.Of(context, node);
        ValuePlace target = context.Storage.Place(node.Output);
        DimExpr[] to = ByteStrides.Of(y, target.Format.Size());
        (int column, int channel) = conv.ChannelsLast ? (y.Count - 2, y.Count - 1) : (y.Count - 1, 1);
        (DimExpr lines, DimExpr line) = shape.IsPlanar ? (y[column - 1], to[column - 1]) : (DimExpr.One, DimExpr.Zero);
        int most = s_tilePositions[shrink];
        long tile = long.Min(most, context.Bound(y[column]));
        // Short lines share a tile.
        long tileLines = y[column].ConstantValue is { } width and > 0 && width == tile ? long.Clamp(most / width, 1, context.Bound(lines)) : 1;
        context.SetSource("conv/constants", node);
        Tensor weights = context.ConvolutionWeights(node.Inputs[1].ConstantData!);
        PanelGeometry geometry = PanelGeometry.Of(context, WeightMatrix.Of(weights));
        VectorTile? bias = conv.HasBias ? new(LoadBias(context, node.Inputs[2], weights.Shape[1]), DimExpr.Zero, DimExpr.Zero, ElementType.F32) : null;
        builder.Loop("batch", y[0], b => context.Tiles("lines", lines, tileLines, (l0, count) => context.Tiles("positions", y[column], tile, (p0, positions) =>
        {
            ElementType format = context.Storage.MatrixFormat;
            (long depth, long outputs) = (weights.Shape[0], weights.Shape[1]);
            long patchStride = Lines.RoundUp(depth * format.Size()), resultStride = Lines.RoundUp(outputs * target.Format.Size());
            long capacity = tile * tileLines;
            DimExpr rows = count * positions;
            var box = new Extent3(DimExpr.One, rows, outputs);
            VectorTile? residual = null;
            if (conv.HasResidual)
            {
                context.SetSource("conv/residual", node);
                Value added = node.Inputs[^1];
                ValuePlace addend = context.Storage.Place(added);
                DimExpr row = outputs * addend.Format.Size();
                residual = Rows(context, addend, (added.Type.Rank == y.Count ? b * lines * y[column] * row : DimExpr.Zero) + (((l0 * y[column]) + p0) * row), row, box, capacity);
            }
            context.SetSource("conv/patches", node);
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
            void Product(VectorTile result) => Multiply(context, node, geometry, new Tile(patches, patchStride, format, depth, DimExpr.Zero), rows, checked((int)capacity), result, bias, residual);
            DimExpr place = (b * to[0]) + (l0 * line) + (p0 * to[column]);
            if (conv.ChannelsLast)
            {
                PlaceBox result = target.From(place, new Extent3(DimExpr.Zero, to[column], to[channel]));
                if (result.InPlace(DimExpr.One, rows) is { } there)
                {
                    Product(there);
                    return;
                }
                TileBuffer tileOfRows = builder.Buffer("result", MemorySpace.Asp, resultStride * capacity);
                Product(new(tileOfRows, DimExpr.Zero, resultStride, target.Format));
                result.Write(builder, new StridedTile(tileOfRows, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, resultStride, target.Format.Size())), box);
                return;
            }
            TileBuffer resultTile = builder.Buffer("result", MemorySpace.Asp, resultStride * capacity);
            Product(new(resultTile, DimExpr.Zero, resultStride, target.Format));
            // Channels are rows of the result and columns here: the transfer transposes.
            target.From(place, new Extent3(DimExpr.Zero, to[channel], to[column]))
                .Write(builder, new StridedTile(resultTile, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, target.Format.Size(), resultStride)), new Extent3(DimExpr.One, outputs, rows));
        })));
    }

    /// <summary>Rows of a value, where they lie or brought.</summary>
    private static VectorTile Rows(TilingContext context, ValuePlace place, DimExpr offset, DimExpr rowBytes, Extent3 box, long capacity)
    {
        PlaceBox rows = place.Rows(offset, rowBytes);
        if (rows.InPlace(box.Outer, box.Middle) is { } there)
        {
            return there;
        }
        long stride = Lines.RoundUp(context.Bound(rowBytes));
        TileBuffer buffer = context.Builder.Buffer("residual", MemorySpace.Asp, stride * capacity);
        rows.Read(context.Builder, new StridedTile(buffer, DimExpr.Zero, place.Format, new Extent3(DimExpr.Zero, stride, place.Format.Size())), box);
        return new VectorTile(buffer, DimExpr.Zero, stride, place.Format);
    }

    /// <summary>Patches times weights, block by block: two accumulators take turns, so that one is read out while the next block is computed.</summary>
    private static void Multiply(TilingContext context, Node node, PanelGeometry geometry, Tile patches, DimExpr rows, int mostRows, VectorTile result, VectorTile? bias, VectorTile? residual)
    {
        var products = new PanelProducts(context, patches, mostRows);
        var all = new RowStrip(DimExpr.Zero, rows, mostRows);
        (long First, long Width)[] blocks = [.. geometry.Blocks()];
        TileBuffer[] accumulators = [.. blocks.Take(2).Select(_ => context.Builder.Buffer("product", MemorySpace.Acc, geometry.AccumulatorStride * mostRows))];
        for (int i = 0; i < blocks.Length; i++)
        {
            (long first, long width) = blocks[i];
            TileBuffer accumulator = accumulators[i % 2];
            List<WeightPanel> panels = geometry.Panels(context.Builder.Program.Weights, first, width);
            products.Multiply([new BlockProduct(geometry, panels, width, accumulator, all, DimExpr.Zero, new DebugSource("conv/product", node))], all, [], 0, panels.Count);
            context.SetSource("conv/store", node);
            Finish(context.Builder, (Conv)node.Op, result.From(first), new VectorTile(accumulator, DimExpr.Zero, geometry.AccumulatorStride, ElementType.F32), bias?.From(first), residual?.From(first), rows, width);
        }
    }

    /// <summary>Bias, activation and residual on the way out of the accumulators.</summary>
    private static void Finish(TileBuilder builder, Conv conv, VectorTile result, VectorTile sum, VectorTile? bias, VectorTile? residual, DimExpr rows, long columns)
    {
        var steps = new List<Action<VectorTile>>();
        if (bias is not null)
        {
            steps.Add(dst => builder.Binary(BinaryOp.Add, dst, sum, bias, rows, columns));
        }
        if (conv.Activation is { } activation)
        {
            steps.Add(dst => builder.Unary(activation, dst, sum, rows, columns));
        }
        if (residual is not null)
        {
            steps.Add(dst => builder.Binary(BinaryOp.Add, dst, sum, residual, rows, columns));
        }
        if (steps.Count == 0)
        {
            steps.Add(dst => builder.Unary(UnaryOp.Copy, dst, sum, rows, columns));
        }
        for (int i = 0; i < steps.Count; i++)
        {
            steps[i](i == steps.Count - 1 ? result : sum);
        }
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
                count = builder.Let("valid", count * valid);
                first = builder.Let("first", first);
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

    private static TileBuffer LoadBias(TilingContext context, Value value, long outputs)
    {
        ValuePlace place = context.Storage.Place(value);
        TileBuffer bias = context.Builder.Buffer("bias", MemorySpace.Asp, outputs * sizeof(float));
        place.Run(DimExpr.Zero).Read(context.Builder, new StridedTile(bias, DimExpr.Zero, ElementType.F32, new Extent3(DimExpr.Zero, DimExpr.Zero, sizeof(float))), new Extent3(DimExpr.One, DimExpr.One, outputs));
        return bias;
    }
}
