using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Attention over keys and values that were computed in the same run.</summary>
internal static class AttentionLowering
{
    /// <summary>Halvings of the query tile before those of the key block, which change bits.</summary>
    public const int QueryShrink = 5;

    /// <param name="shrink">Halvings of the query tile, then also of the key block, for small chips.</param>
    public static void Lower(TilingContext context, Node node, int shrink)
    {
        var attention = (Attention)node.Op;
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr width) = attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (_, DimExpr keyHeads, DimExpr keys, _) = attention.Key.Split(node.Inputs[1].Type.Shape.AsSpan());
        (_, _, _, DimExpr valueWidth) = attention.Value.Split(node.Inputs[2].Type.Shape.AsSpan());
        long heads = keyHeads.ConstantValue!.Value;
        BlockSource k = new(HeadTensor.Of(context, node.Inputs[1], attention.Key)), v = new(HeadTensor.Of(context, node.Inputs[2], attention.Value));
        HeadTensor query = HeadTensor.Of(context, node.Inputs[0], attention.Query), result = HeadTensor.Of(context, node.Output, attention.Result);
        var shape = new AttentionShape(batch, heads, queryHeads.ConstantValue!.Value / heads, queries, width.ConstantValue!.Value, valueWidth.ConstantValue!.Value, context.Storage.MatrixFormat, result.Format, Scaled: false);
        var geometry = AttentionGeometry.Of(context, shape, long.Max(Isa.Instructions.MatMul.GroupSize, AttentionGeometry.MaxBlock >> int.Max(0, shrink - QueryShrink)), shrink);
        long mostKeys = context.Bound(keys);
        var plain = new PlainCase(node, query, result, k, v, attention, keys, geometry);
        if (attention is { Mask: MaskKind.Boolean, CausalOffset: null } && Lengths(node.Inputs[3], keys) is { } lengths)
        {
            TileBuffer integers = context.Integers(lengths);
            plain = plain with { LengthOf = (builder, sequence) => builder.LoadScalar("length", new ScratchOperand(integers, sequence * sizeof(long)), ElementType.I64, new DimInterval(0, mostKeys)) };
        }
        AttentionPipeline.Build(context, plain, geometry, mostKeys);
    }

    /// <summary>The lengths of sequences that a mask [batch, 1, 1, keys] is made from: true where 0 … keys − 1 is below them.</summary>
    private static Value? Lengths(Value mask, DimExpr keys)
    {
        static Value Reshaped(Value value) => value.Producer is { Op: Reshape } same ? Reshaped(same.Inputs[0]) : value;
        EquatableArray<DimExpr> shape = mask.Type.Shape;
        return shape.Count == 4 && shape[1].Is(1) && shape[2].Is(1) && shape[3] == keys
            && Reshaped(mask).Producer is { Op: Binary { Function: BinaryOp.Less } } less && less.Inputs[0].Type.Shape[0].Is(1) && less.Inputs[1].Type.Shape[^1].Is(1)
            && Reshaped(less.Inputs[0]).Producer?.Op is Iota { Step: 1 } ramp && ramp.Start.Is(0) && Reshaped(less.Inputs[1]) is { Producer: null, ConstantData: null, Type: { Element: ElementType.I64, Rank: 1 } } lengths
            && lengths.Type.Shape[0] == shape[0] ? lengths : null;
    }

    private sealed record PlainCase(Node Node, HeadTensor Query, HeadTensor Result, BlockSource Keys, BlockSource Values, Attention Attention, DimExpr Length, AttentionGeometry Geometry)
        : AttentionCase(Node, Query, Result, Keys, Values, Attention.Scale, Attention.SoftCap)
    {
        /// <summary>Keys of a sequence, where they are data: what a mask would hide beyond them is not looked at.</summary>
        public Func<TileBuilder, DimExpr, DimExpr>? LengthOf { get; init; }

        public override MaskKind Mask => LengthOf is null ? Attention.Mask : MaskKind.None;

        // A row that an additive mask hides is 0/0, as in plain softmax.
        public override bool ZeroWhereNothingIsSeen => Attention.Mask != MaskKind.Additive || Attention.CausalOffset is not null;

        // A causal tile sees no key beyond its last query.
        public override KeyRange Range(TileBuilder builder, QueryTile tile) => Attention.CausalOffset is { } offset
            ? new KeyRange(DimExpr.Zero, DimExpr.Max(DimExpr.Zero, DimExpr.Min(Length, tile.First + tile.Count + offset)), tile.First + offset, DimExpr.Zero)
            : new KeyRange(DimExpr.Zero, LengthOf is null ? Length : DimExpr.Max(DimExpr.Zero, DimExpr.Min(Length, LengthOf(builder, tile.Sequence))), DimExpr.Zero, DimExpr.Zero);

        public override (DimExpr Low, DimExpr High, int Slope) Limits(KeyRange range, KeyBlock block) => Attention.CausalOffset is null
            ? (DimExpr.Zero, block.Length, 0)
            : (-Geometry.Block - Geometry.Queries, range.Position + DimExpr.One - block.Start, 1);
    }
}
