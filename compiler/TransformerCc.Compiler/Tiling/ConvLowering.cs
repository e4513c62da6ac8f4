using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A convolution as a product: the patches under a row of output positions are gathered into ASP by strided loads, one
/// load for each tap of the kernel, and multiplied by the weights. No patch matrix exists in DRAM.
/// </summary>
internal static class ConvLowering
{
    private const int TilePositions = 64;

    /// <summary>Named values keep their registers to the end of the tile; those of more taps are computed again where they are used.</summary>
    private const int MaximumNamedTaps = 8;

    public static void Lower(TilingContext context, Node node, int shrink)
    {
        var conv = (Conv)node.Op;
        TileBuilder builder = context.Builder;
        EquatableArray<DimExpr> x = node.Inputs[0].Type.Shape, y = node.Output.Type.Shape;
        Tensor weights = context.ConvolutionWeights(node.Inputs[1].ConstantData!);
        ValuePlace source = context.Storage.Place(node.Inputs[0]), target = context.Storage.Place(node.Output);
        DimExpr[] from = ByteStrides.Of(x, source.Format.Size()), to = ByteStrides.Of(y, target.Format.Size());
        ElementType format = context.Storage.MatrixFormat;
        long channels = x[1].ConstantValue!.Value, depth = weights.Shape[0], outputs = weights.Shape[1];
        long taps = channels == 0 ? 0 : depth / channels;
        bool planar = conv.Strides.Count == 2;
        int last = conv.Strides.Count - 1;
        long tile = long.Min(long.Max(1, TilePositions >> shrink), context.Bound(y.Last));
        long patchStride = Lines.RoundUp(depth * format.Size()), accumulatorStride = Lines.RoundUp(outputs * sizeof(float), Lines.AccumulatorRowBytes), resultStride = Lines.RoundUp(outputs * target.Format.Size());
        bool padded = conv.PadsBefore.Concat(conv.PadsAfter).Any(p => p != 0);
        context.SetSource("conv/constants", node);
        TileBuffer? bias = conv.HasBias ? LoadBias(context, node.Inputs[2], outputs) : null;
        EquatableArray<long> kernel = node.Inputs[1].ConstantData!.Shape[2..].ToArray().ToEquatableArray();
        builder.Loop("batch", y[0], b => builder.Loop("line", planar ? y[2] : DimExpr.One, line => context.Tiles("positions", y.Last, tile, (p0, positions) =>
        {
            context.SetSource("conv/patches", node);
            TileBuffer patches = builder.Buffer("patches", MemorySpace.Asp, patchStride * tile);
            if (padded)
            {
                builder.Fill(new ScratchOperand(patches, DimExpr.Zero), format, patchStride, positions, depth, 0);
            }
            for (int tap = 0; tap < taps; tap++)
            {
                (long tapLine, long tapColumn) = (tap / kernel[last], tap % kernel[last]);
                DimExpr first = p0, count = positions;
                if (padded)
                {
                    // Output positions whose tap lies inside the input: 0 <= position * stride + shift < length.
                    long shift = (tapColumn * conv.Dilations[last]) - conv.PadsBefore[last];
                    first = DimExpr.Max(p0, DimExpr.CeilDiv(-shift, conv.Strides[last]));
                    count = DimExpr.Max(DimExpr.Zero, DimExpr.Min(p0 + positions, DimExpr.FloorDiv(x.Last - 1 - shift, conv.Strides[last]) + 1) - first);
                }
                DimExpr inputLine = DimExpr.Zero;
                if (planar)
                {
                    inputLine = (line * conv.Strides[0]) + ((tapLine * conv.Dilations[0]) - conv.PadsBefore[0]);
                    if (padded)
                    {
                        count *= DimExpr.Min(DimExpr.One, DimExpr.Max(DimExpr.Zero, inputLine + 1)) * DimExpr.Min(DimExpr.One, DimExpr.Max(DimExpr.Zero, x[2] - inputLine));
                    }
                }
                if (taps <= MaximumNamedTaps)
                {
                    count = builder.Let("valid", count);
                    first = builder.Let("first", first);
                }
                DimExpr inputColumn = (first * conv.Strides[last]) + ((tapColumn * conv.Dilations[last]) - conv.PadsBefore[last]);
                source.From((b * from[0]) + (planar ? inputLine * from[2] : DimExpr.Zero) + (inputColumn * from[^1]), new Extent3(DimExpr.Zero, from[^1] * conv.Strides[last], from[1]))
                    .Read(builder, new StridedTile(patches, ((first - p0) * patchStride) + (tap * channels * format.Size()), format, new Extent3(DimExpr.Zero, patchStride, format.Size())), new Extent3(DimExpr.One, count, channels));
            }
            context.SetSource("conv/product", node);
            TileBuffer accumulator = builder.Buffer("product", MemorySpace.Acc, accumulatorStride * tile);
            Product(context, weights, patches, patchStride, accumulator, accumulatorStride, positions, format);
            context.SetSource("conv/store", node);
            TileBuffer result = builder.Buffer("result", MemorySpace.Asp, resultStride * tile);
            VectorTile sum = new(accumulator, DimExpr.Zero, accumulatorStride, ElementType.F32), resultTile = new(result, DimExpr.Zero, resultStride, target.Format);
            if (bias is null)
            {
                builder.Unary(UnaryOp.Copy, resultTile, sum, positions, outputs);
            }
            else
            {
                builder.Binary(BinaryOp.Add, resultTile, sum, new VectorTile(bias, DimExpr.Zero, DimExpr.Zero, ElementType.F32), positions, outputs);
            }
            // Channels are rows of the result and columns here: the transfer transposes.
            target.From((b * to[0]) + (planar ? line * to[2] : DimExpr.Zero) + (p0 * to[^1]), new Extent3(DimExpr.Zero, to[1], to[^1]))
                .Write(builder, new StridedTile(result, DimExpr.Zero, target.Format, new Extent3(DimExpr.Zero, target.Format.Size(), resultStride)), new Extent3(DimExpr.One, outputs, positions));
        })));
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
        long panelDepth = long.Max(group, context.Ring[0].Bytes / Lines.RoundUp(block * format.Size()) / group * group);
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
