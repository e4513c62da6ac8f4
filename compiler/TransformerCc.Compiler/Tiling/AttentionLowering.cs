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
    /// <summary>Halvings of the query tile before those of the key block.</summary>
    private const int QueryShrink = 3;

    /// <param name="shrink">Halvings of the query tile, then also of the key block, for small chips.</param>
    public static void Lower(TilingContext context, Node node, int shrink)
    {
        var attention = (Attention)node.Op;
        TileBuilder builder = context.Builder;
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr width) = attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (_, DimExpr keyHeads, DimExpr keys, _) = attention.Key.Split(node.Inputs[1].Type.Shape.AsSpan());
        (_, _, _, DimExpr valueWidth) = attention.Value.Split(node.Inputs[2].Type.Shape.AsSpan());
        long group = queryHeads.ConstantValue!.Value / keyHeads.ConstantValue!.Value;
        var source = new KeyValueTensors(HeadTensor.Of(context, node.Inputs[1], attention.Key), HeadTensor.Of(context, node.Inputs[2], attention.Value));
        var geometry = new AttentionGeometry(HeadTensor.Of(context, node.Inputs[0], attention.Query), HeadTensor.Of(context, node.Output, attention.Result), group, width.ConstantValue!.Value, valueWidth.ConstantValue!.Value,
            AttentionGeometry.QueriesOf(context, queries, group, shrink), long.Max(Isa.Instructions.MatMul.GroupSize, AttentionGeometry.MaxBlock >> int.Max(0, shrink - QueryShrink)), context.Storage.MatrixFormat);
        context.SetSource("attention", node);
        TileBuffer? hidden = attention.Mask == MaskKind.Boolean ? Hidden(builder) : null;
        builder.Loop("batch", batch, b => builder.Loop("head", keyHeads, h => context.Tiles("queries", queries, geometry.Queries, (q0, count) =>
        {
            var tile = new AttentionTile(context, node, geometry, b, h * group, q0, count);
            // A causal tile sees no key beyond its last query.
            DimExpr visible = attention.CausalOffset is { } offset ? DimExpr.Max(DimExpr.Zero, DimExpr.Min(keys, q0 + count + offset)) : keys;
            context.Tiles("keys", visible, geometry.Block, (k0, length) =>
            {
                (VectorTile scores, TileBuffer values) = tile.Scores(source, new HeadPosition(b, h, k0), length);
                float scale = tile.Cap(scores, length, attention.Scale, attention.SoftCap);
                if (attention.Mask != MaskKind.None)
                {
                    scale = ApplyMask(context, node, attention.Mask, tile, geometry, scores, hidden, b, h * group, q0, count, k0, length, scale);
                }
                (DimExpr low, DimExpr high, int slope) = attention.CausalOffset is { } causal ? (-geometry.Block - geometry.Queries, q0 + causal + 1 - k0, 1) : (DimExpr.Zero, length, 0);
                tile.Combine(scores, values, length, scale, low, high, slope);
            });
            // A row that an additive mask hides is 0/0, as in plain softmax.
            tile.Finish(zeroWhereNothingIsSeen: attention.Mask != MaskKind.Additive || attention.CausalOffset is not null);
        })));
    }

    /// <summary>The score of hidden keys.</summary>
    private static TileBuffer Hidden(TileBuilder builder)
    {
        TileBuffer hidden = builder.Buffer("hidden", MemorySpace.Asp, Lines.Bytes);
        builder.Fill(new ScratchOperand(hidden, DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, AttentionTile.NegativeInfinity);
        return hidden;
    }

    /// <summary>Masks the scores where the softmax cannot do it alone; returns the scale left to it.</summary>
    private static float ApplyMask(TilingContext context, Node node, MaskKind kind, AttentionTile tile, AttentionGeometry geometry, VectorTile scores, TileBuffer? hidden,
        DimExpr batch, DimExpr firstHead, DimExpr q0, DimExpr queries, DimExpr k0, DimExpr keys, float scale)
    {
        TileBuilder builder = context.Builder;
        context.SetSource("attention/mask", node);
        ValuePlace place = context.Storage.Place(node.Inputs[3]);
        EquatableArray<DimExpr> shape = node.Inputs[3].Type.Shape;
        DimExpr[] strides = ByteStrides.Of(shape, place.Format.Size());
        DimExpr Stride(int axis) => axis - (4 - shape.Count) is >= 0 and { } own && !shape[own].Is(1) ? strides[own] : DimExpr.Zero;
        long maskStride = geometry.Block * place.Format.Size();
        TileBuffer mask = builder.Buffer("mask", MemorySpace.Asp, maskStride * geometry.Rows);
        place.From((batch * Stride(0)) + (firstHead * Stride(1)) + (q0 * Stride(2)) + (k0 * Stride(3)), new Extent3(Stride(1), Stride(2), Stride(3)))
            .Read(builder, new StridedTile(mask, DimExpr.Zero, place.Format, new Extent3(queries * maskStride, maskStride, place.Format.Size())), new Extent3(geometry.Group, queries, keys));
        VectorTile maskTile = new(mask, DimExpr.Zero, maskStride, place.Format);
        if (kind == MaskKind.Boolean)
        {
            builder.Select(scores, maskTile, scores, new VectorTile(hidden!, DimExpr.Zero, DimExpr.Zero, ElementType.F32, 0), tile.Rows, keys);
            return scale;
        }
        tile.Scale(scores, keys, scale);
        builder.Binary(BinaryOp.Add, scores, scores, maskTile, tile.Rows, keys);
        return 1;
    }
}
