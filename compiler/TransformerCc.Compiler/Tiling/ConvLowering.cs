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

    /// <summary>Named values keep their registers to the end of the tile; those of more taps are computed again where they are used.</summary>
    private const int MaximumNamedTaps = 8;

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
        VectorTile? bias = conv.HasBias ? new(LoadBias(context, node.Inputs[2], weights.Shape[1]), DimExpr.Zero, DimExpr.Zero, ElementType.F32) : null;
        builder.Loop("batch", y[0], b => context.Tiles("lines", lines, tileLines, (l0, count) => context.Tiles("positions", y[column], tile, (p0, positions) =>
        {
            ElementType format = context.Storage.MatrixFormat;
            (long depth, long outputs) = (weights.Shape[0], weights.Shape[1]);
            long patchStride = Lines.RoundUp(depth * format.Size()), accumulatorStride = Lines.RoundUp(outputs * sizeof(float), Lines.AccumulatorRowBytes), resultStride = Lines.RoundUp(outputs * target.Format.Size());
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
            context.SetSource("conv/product", node);
            TileBuffer accumulator = builder.Buffer("product", MemorySpace.Acc, accumulatorStride * capacity);
            Product(context, weights, patches, patchStride, accumulator, accumulatorStride, rows, format);
            context.SetSource("conv/store", node);
            VectorTile sum = new(accumulator, DimExpr.Zero, accumulatorStride, ElementType.F32);
            DimExpr place = (b * to[0]) + (l0 * line) + (p0 * to[column]);
            if (conv.ChannelsLast)
            {
                PlaceBox result = target.From(place, new Extent3(DimExpr.Zero, to[column], to[channel]));
                if (result.InPlace(DimExpr.One, rows) is { } there)
                {
                    Finish(builder, conv, there, sum, bias, residual, rows, outputs);
                    return;
                }
                TileBuffer tileOfRows = builder.Buffer("result", MemorySpace.Asp, resultStride * capacity);
                Finish(builder, conv, new(tileOfRows, DimExpr.Zero, resultStride, target.Format), sum, bias, residual, rows, outputs);
                result.Write(builder, new StridedTile(tileOfRows, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, resultStride, target.Format.Size())), box);
                return;
            }
            TileBuffer resultTile = builder.Buffer("result", MemorySpace.Asp, resultStride * capacity);
            Finish(builder, conv, new(resultTile, DimExpr.Zero, resultStride, target.Format), sum, bias, residual, rows, outputs);
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

    /// <summary>Bias, activation and residual on the way out of the accumulators.</summary>
    private static void Finish(TileBuilder builder, Conv conv, VectorTile result, VectorTile sum, VectorTile? bias, VectorTile? residual, DimExpr rows, long outputs)
    {
        var steps = new List<Action<VectorTile>>();
        if (bias is not null)
        {
            steps.Add(dst => builder.Binary(BinaryOp.Add, dst, sum, bias, rows, outputs));
        }
        if (conv.Activation is { } activation)
        {
            steps.Add(dst => builder.Unary(activation, dst, sum, rows, outputs));
        }
        if (residual is not null)
        {
            steps.Add(dst => builder.Binary(BinaryOp.Add, dst, sum, residual, rows, outputs));
        }
        if (steps.Count == 0)
        {
            steps.Add(dst => builder.Unary(UnaryOp.Copy, dst, sum, rows, outputs));
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
