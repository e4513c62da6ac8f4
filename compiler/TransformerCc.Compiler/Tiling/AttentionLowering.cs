using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Attention as an online softmax over blocks of keys (FlashAttention, Dao et al. 2022): the scores of one block live in
/// the accumulators and never leave the chip. The query heads that share a key head are the rows of one tile.
/// </summary>
internal static class AttentionLowering
{
    /// <summary>Rows of a query tile: heads of a group times queries.</summary>
    private const int MaxRows = 128;

    /// <summary>Positions of a key block, at absolute multiples; a multiple of the K-group, so that blocks do not change bits.</summary>
    private const int MaxBlockKeys = 128;

    /// <summary>Halvings of the query tile before those of the key block.</summary>
    private const int QueryShrink = 3;

    /// <summary>State of a row: maximum, sum, factor; one line.</summary>
    private const int StateStride = Lines.Bytes;

    private const int SumOffset = sizeof(float);

    private const int FactorOffset = 2 * sizeof(float);

    private sealed record Heads(DramTensor Tensor, DimExpr Batch, DimExpr Head, DimExpr Sequence, DimExpr Width)
    {
        public static Heads Of(TilingContext context, Value value, HeadLayout layout)
        {
            DramTensor tensor = context.Storage.Tensor(value);
            (DimExpr batch, DimExpr head, DimExpr sequence, DimExpr width) = layout.Split<DimExpr>(ByteStrides(value.Type.Shape, tensor.Type.Size()));
            return new Heads(tensor, batch, head, sequence, width);
        }
    }

    public static DimExpr[] ByteStrides(EquatableArray<DimExpr> shape, int elementBytes)
    {
        var strides = new DimExpr[shape.Count];
        DimExpr stride = elementBytes;
        for (int i = shape.Count - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
        return strides;
    }

    /// <param name="shrink">Halvings of the query tile, then also of the key block, for small chips.</param>
    public static void Lower(TilingContext context, Node node, int shrink)
    {
        var attention = (Attention)node.Op;
        TileBuilder builder = context.Builder;
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr widthExpr) = attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (_, DimExpr keyHeads, DimExpr keys, _) = attention.Key.Split(node.Inputs[1].Type.Shape.AsSpan());
        (_, _, _, DimExpr valueWidthExpr) = attention.Value.Split(node.Inputs[2].Type.Shape.AsSpan());
        long width = widthExpr.ConstantValue!.Value, valueWidth = valueWidthExpr.ConstantValue!.Value;
        long group = queryHeads.ConstantValue!.Value / keyHeads.ConstantValue!.Value;
        Heads q = Heads.Of(context, node.Inputs[0], attention.Query), k = Heads.Of(context, node.Inputs[1], attention.Key), v = Heads.Of(context, node.Inputs[2], attention.Value);
        Heads result = Heads.Of(context, node.Output, attention.Result);
        ElementType format = context.Storage.MatrixFormat;
        long tileQueries = long.Min(context.Bound(queries), long.Max(1, (MaxRows >> shrink) / group));
        long rowsBound = tileQueries * group;
        long blockKeys = long.Max(Isa.Instructions.MatMul.GroupSize, MaxBlockKeys >> int.Max(0, shrink - QueryShrink));
        long queryStride = Lines.RoundUp(width * format.Size()), valueStride = Lines.RoundUp(valueWidth * format.Size()), probabilityStride = blockKeys * format.Size();
        long scoreStride = Lines.RoundUp(blockKeys * sizeof(float), Lines.AccumulatorRowBytes), outputStride = Lines.RoundUp(valueWidth * sizeof(float), Lines.AccumulatorRowBytes), resultStride = Lines.RoundUp(valueWidth * result.Tensor.Type.Size());
        context.SetSource("attention", node);
        TileBuffer hidden = builder.Buffer("hidden", MemorySpace.Asp, Lines.Bytes);
        if (attention.Mask == MaskKind.Boolean)
        {
            builder.Fill(new ScratchOperand(hidden, DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, NegativeInfinity);
        }
        builder.Loop("batch", batch, b => builder.Loop("head", keyHeads, h => context.Tiles("queries", queries, tileQueries, (q0, count) =>
        {
            DimExpr rows = count * group;
            context.SetSource("attention/query", node);
            TileBuffer query = builder.Buffer("query", MemorySpace.Asp, queryStride * rowsBound);
            LoadHeads(builder, query, queryStride, format, q, (b * q.Batch) + (h * group * q.Head) + (q0 * q.Sequence), group, count, width);
            TileBuffer state = builder.Buffer("state", MemorySpace.Asp, StateStride * rowsBound), output = builder.Buffer("output", MemorySpace.Acc, outputStride * rowsBound);
            builder.Fill(new ScratchOperand(state, DimExpr.Zero), ElementType.F32, StateStride, rows, DimExpr.One, NegativeInfinity);
            builder.Fill(new ScratchOperand(state, SumOffset), ElementType.F32, StateStride, rows, DimExpr.One, 0);
            builder.Fill(new ScratchOperand(output, DimExpr.Zero), ElementType.F32, outputStride, rows, valueWidth, 0);
            // A causal tile sees no key beyond its last query.
            DimExpr visible = attention.CausalOffset is { } offset ? DimExpr.Max(DimExpr.Zero, DimExpr.Min(keys, q0 + count + offset)) : keys;
            VectorTile outputTile = new(output, DimExpr.Zero, outputStride, ElementType.F32);
            context.Tiles("keys", visible, blockKeys, (k0, length) =>
            {
                context.SetSource("attention/scores", node);
                TileBuffer key = builder.Buffer("key", MemorySpace.Wsp, queryStride * blockKeys), value = builder.Buffer("value", MemorySpace.Wsp, valueStride * blockKeys);
                LoadHeads(builder, key, queryStride, format, k, (b * k.Batch) + (h * k.Head) + (k0 * k.Sequence), 1, length, width);
                LoadHeads(builder, value, valueStride, format, v, (b * v.Batch) + (h * v.Head) + (k0 * v.Sequence), 1, length, valueWidth);
                TileBuffer scores = builder.Buffer("scores", MemorySpace.Acc, scoreStride * rowsBound);
                VectorTile scoreTile = new(scores, DimExpr.Zero, scoreStride, ElementType.F32);
                builder.MatMul(new VectorTile(query, DimExpr.Zero, queryStride, format), new ScratchOperand(key, DimExpr.Zero), format, queryStride, PanelLayout.NByK,
                    new ScratchOperand(scores, DimExpr.Zero), scoreStride, rows, width, length, AccumulateMode.Init, context.Chip.Matrix.Arrays);
                float scale = ApplyMask(context, node, attention, scoreTile, hidden, b, h * group, group, q0, count, k0, length, rowsBound, blockKeys);
                context.SetSource("attention/softmax", node);
                TileBuffer probabilities = builder.Buffer("probabilities", MemorySpace.Asp, probabilityStride * rowsBound);
                VectorTile probabilityTile = new(probabilities, DimExpr.Zero, probabilityStride, format);
                (DimExpr high, int slope) = attention.CausalOffset is { } causal ? (q0 + causal + 1 - k0, 1) : (length, 0);
                builder.OnlineSoftmax(probabilityTile, scoreTile, new ScratchOperand(state, DimExpr.Zero), StateStride, rows, length, scale, count, slope == 1 ? -blockKeys - tileQueries : DimExpr.Zero, high, slope);
                builder.Binary(BinaryOp.Mul, outputTile, outputTile, new VectorTile(state, FactorOffset, StateStride, ElementType.F32, 0), rows, valueWidth);
                context.SetSource("attention/values", node);
                builder.MatMul(probabilityTile, new ScratchOperand(value, DimExpr.Zero), format, valueStride, PanelLayout.KByN,
                    new ScratchOperand(output, DimExpr.Zero), outputStride, rows, length, valueWidth, AccumulateMode.Add, context.Chip.Matrix.Arrays);
            });
            context.SetSource("attention/finish", node);
            TileBuffer finished = builder.Buffer("attended", MemorySpace.Asp, resultStride * rowsBound);
            VectorTile finishedTile = new(finished, DimExpr.Zero, resultStride, result.Tensor.Type);
            if (attention.Mask == MaskKind.Additive && attention.CausalOffset is null)
            {
                // A row that an additive mask hides is 0/0, as in plain softmax; the finish would make it 0.
                builder.Binary(BinaryOp.Div, finishedTile, outputTile, new VectorTile(state, SumOffset, StateStride, ElementType.F32, 0), rows, valueWidth);
            }
            else
            {
                builder.OnlineFinish(finishedTile, outputTile, new ScratchOperand(state, DimExpr.Zero), StateStride, rows, valueWidth);
            }
            int size = result.Tensor.Type.Size();
            builder.Store(new StridedDram(result.Tensor, (b * result.Batch) + (h * group * result.Head) + (q0 * result.Sequence), new Extent3(result.Head, result.Sequence, result.Width)),
                new StridedTile(finished, DimExpr.Zero, result.Tensor.Type, new Extent3(count * resultStride, resultStride, size)), new Extent3(group, count, valueWidth));
        })));
    }

    private static long NegativeInfinity => BitConverter.SingleToUInt32Bits(float.NegativeInfinity);

    private static void LoadHeads(TileBuilder builder, TileBuffer buffer, long rowStride, ElementType format, Heads source, DimExpr offset, long heads, DimExpr length, long width) =>
        builder.Load(new StridedTile(buffer, DimExpr.Zero, format, new Extent3(length * rowStride, rowStride, format.Size())),
            new StridedDram(source.Tensor, offset, new Extent3(source.Head, source.Sequence, source.Width)), new Extent3(heads, length, width));

    /// <summary>Scales, caps and masks the scores where the softmax cannot do it alone; returns the scale left to it.</summary>
    private static float ApplyMask(TilingContext context, Node node, Attention attention, VectorTile scores, TileBuffer hidden, DimExpr batch, DimExpr firstHead, long group, DimExpr q0, DimExpr queries, DimExpr k0, DimExpr keys, long rowsBound, long blockKeys)
    {
        TileBuilder builder = context.Builder;
        float scale = attention.Scale;
        if (attention.SoftCap != 0)
        {
            context.SetSource("attention/soft_cap", node);
            ScaleNow();
            builder.Unary(UnaryOp.SoftCap, scores, scores, queries * group, keys, attention.SoftCap);
        }
        if (attention.Mask == MaskKind.None)
        {
            return scale;
        }
        context.SetSource("attention/mask", node);
        DramTensor tensor = context.Storage.Tensor(node.Inputs[3]);
        EquatableArray<DimExpr> shape = node.Inputs[3].Type.Shape;
        DimExpr[] strides = ByteStrides(shape, tensor.Type.Size());
        DimExpr Stride(int axis) => axis - (4 - shape.Count) is >= 0 and { } own && !shape[own].Is(1) ? strides[own] : DimExpr.Zero;
        long maskStride = blockKeys * tensor.Type.Size();
        TileBuffer mask = builder.Buffer("mask", MemorySpace.Asp, maskStride * rowsBound);
        builder.Load(new StridedTile(mask, DimExpr.Zero, tensor.Type, new Extent3(queries * maskStride, maskStride, tensor.Type.Size())),
            new StridedDram(tensor, (batch * Stride(0)) + (firstHead * Stride(1)) + (q0 * Stride(2)) + (k0 * Stride(3)), new Extent3(Stride(1), Stride(2), Stride(3))), new Extent3(group, queries, keys));
        VectorTile maskTile = new(mask, DimExpr.Zero, maskStride, tensor.Type);
        DimExpr rows = queries * group;
        if (attention.Mask == MaskKind.Boolean)
        {
            builder.Select(scores, maskTile, scores, new VectorTile(hidden, DimExpr.Zero, DimExpr.Zero, ElementType.F32, 0), rows, keys);
            return scale;
        }
        ScaleNow();
        builder.Binary(BinaryOp.Add, scores, scores, maskTile, rows, keys);
        return 1;

        void ScaleNow()
        {
            if (scale != 1)
            {
                builder.Unary(UnaryOp.Scale, scores, scores, queries * group, keys, scale);
                scale = 1;
            }
        }
    }
}
