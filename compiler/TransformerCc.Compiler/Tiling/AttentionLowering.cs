using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Attention over keys and values that were computed in the same run.</summary>
internal static class AttentionLowering
{
    /// <summary>Halvings of the query tile before those of the key block.</summary>
    private const int QueryShrink = 5;

    /// <param name="shrink">Halvings of the query tile, then also of the key block, for small chips.</param>
    public static void Lower(TilingContext context, Node node, int shrink)
    {
        var attention = (Attention)node.Op;
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr width) = attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (_, DimExpr keyHeads, DimExpr keys, _) = attention.Key.Split(node.Inputs[1].Type.Shape.AsSpan());
        (_, _, _, DimExpr valueWidth) = attention.Value.Split(node.Inputs[2].Type.Shape.AsSpan());
        long heads = keyHeads.ConstantValue!.Value;
        var source = new KeyValueTensors(HeadTensor.Of(context, node.Inputs[1], attention.Key), HeadTensor.Of(context, node.Inputs[2], attention.Value));
        HeadTensor query = HeadTensor.Of(context, node.Inputs[0], attention.Query), result = HeadTensor.Of(context, node.Output, attention.Result);
        var shape = new AttentionShape(batch, heads, queryHeads.ConstantValue!.Value / heads, queries, width.ConstantValue!.Value, valueWidth.ConstantValue!.Value, context.Storage.MatrixFormat, result.Format, Scaled: false);
        var geometry = AttentionGeometry.Of(context, shape, long.Max(Isa.Instructions.MatMul.GroupSize, AttentionGeometry.MaxBlock >> int.Max(0, shrink - QueryShrink)), shrink);
        AttentionPipeline.Build(context, new PlainCase(node, query, result, source, attention, keys, geometry), geometry, context.Bound(keys));
    }

    private sealed record PlainCase(Node Node, HeadTensor Query, HeadTensor Result, KeyValueTensors Source, Attention Attention, DimExpr Keys, AttentionGeometry Geometry)
        : AttentionCase(Node, Query, Result, Source, Attention.Scale, Attention.SoftCap)
    {
        public override MaskKind Mask => Attention.Mask;

        // A row that an additive mask hides is 0/0, as in plain softmax.
        public override bool ZeroWhereNothingIsSeen => Attention.Mask != MaskKind.Additive || Attention.CausalOffset is not null;

        // A causal tile sees no key beyond its last query.
        public override KeyRange Range(TileBuilder builder, QueryTile tile) => Attention.CausalOffset is { } offset
            ? new KeyRange(DimExpr.Zero, DimExpr.Max(DimExpr.Zero, DimExpr.Min(Keys, tile.First + tile.Count + offset)), tile.First + offset)
            : new KeyRange(DimExpr.Zero, Keys, DimExpr.Zero);

        public override (DimExpr Low, DimExpr High, int Slope) Limits(KeyRange range, KeyBlock block) => Attention.CausalOffset is null
            ? (DimExpr.Zero, block.Length, 0)
            : (-Geometry.Block - Geometry.Queries, range.Position + DimExpr.One - block.Start, 1);
    }
}
