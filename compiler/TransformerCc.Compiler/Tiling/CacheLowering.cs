using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Caches of keys and values: rows are appended in place, and attention reads them in blocks of B positions at absolute
/// multiples of B, in ascending order. Where a sequence begins is data, read by the sequencer, so every sequence runs
/// over its own blocks. Bits depend neither on how a prompt is split into runs nor on the other sequences of a batch,
/// because B depends on the chip, the heads and their widths only.
/// </summary>
internal static class CacheLowering
{
    /// <summary>Positions of a sequence that are planned for where the cache does not bound them.</summary>
    private const long LargestPast = 1L << 40;

    /// <summary>Cycles from the scores of a block to its weighted values, roughly, on any chip: latencies, not work.</summary>
    private const double StepCycles = 1000;

    /// <summary>Rows are stored in place: those of one block of the cache at a time, so that a circular one wraps between blocks.</summary>
    /// <param name="shrink">Halvings of the block.</param>
    public static void Append(TilingContext context, Node node, int shrink)
    {
        var append = (CacheAppend)node.Op;
        TileBuilder builder = context.Builder;
        (DimExpr batch, DimExpr heads, DimExpr length, DimExpr width) = append.New.Split(node.Inputs[1].Type.Shape.AsSpan());
        HeadTensor cache = HeadTensor.Of(context, node.Inputs[0], HeadLayout.BHSD).Only(append.Circular || append.Paged ? DramPart.All : DramPart.Added), rows = HeadTensor.Of(context, node.Inputs[1], append.New);
        CachePlaces places = CachePlaces.Of(context, node.Inputs[0], append.Circular, append.Paged ? node.Inputs[3] : null);
        long most = append.Circular ? LargestPast : context.Bound(append.Paged ? append.Positions ?? LargestPast : places.Slots);
        ElementType format = rows.Format;
        long block = long.Max(1, CacheAppend.SlotMultiple >> shrink), stride = Lines.RoundUp(width.ConstantValue!.Value * format.Size());
        TileBuffer counts = context.Integers(node.Inputs[2]);
        builder.Loop("sequence", batch, b =>
        {
            DimExpr past = Past(builder, counts, b, most);
            DimExpr end = past + length, first = DimExpr.FloorDiv(past, block);
            builder.Loop("block", DimExpr.CeilDiv(end, block) - first, i =>
            {
                DimExpr blockStart = builder.Let("block.start", (first + i) * block);
                DimExpr start = builder.Let("rows.start", DimExpr.Max(past, blockStart));
                DimExpr count = builder.Let("rows", DimExpr.Min(end, blockStart + block) - start, new DimInterval(0, block));
                var extent = new Extent3(heads, count, width);
                HeadPosition target = places.Of(builder, new HeadPosition(b, DimExpr.Zero, blockStart));
                target = target with { Position = append.Circular || append.Paged ? target.Position + (start - blockStart) : start };
                PlaceBox source = rows.From(new HeadPosition(b, DimExpr.Zero, start - past));
                if (source.Place.Buffer is { } resident)
                {
                    cache.Write(builder, new StridedTile(resident, source.Offset, format, source.Stride), target, extent);
                    return;
                }
                TileBuffer buffer = builder.Buffer("rows", MemorySpace.Asp, stride * block * heads.ConstantValue!.Value);
                var tile = new StridedTile(buffer, DimExpr.Zero, format, new Extent3(block * stride, stride, format.Size()));
                source.Read(builder, tile, extent);
                cache.Write(builder, tile, target, extent);
            });
        });
    }

    /// <param name="shrink">Halvings of the query tile.</param>
    public static void Attend(TilingContext context, Node node, int shrink)
    {
        var attention = (CachedAttention)node.Op;
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr width) = attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        EquatableArray<DimExpr> keyShape = node.Inputs[1].Type.Shape;
        long valueWidth = node.Inputs[2].Type.Shape[3].ConstantValue!.Value, heads = keyShape[1].ConstantValue!.Value;
        BlockSource keys = Source(context, node, 1, attention.Scaled ? 4 : null), values = Source(context, node, 2, attention.Scaled ? 5 : null);
        HeadTensor query = HeadTensor.Of(context, node.Inputs[0], attention.Query), result = HeadTensor.Of(context, node.Output, attention.Result);
        ElementType format = context.Storage.MatrixFormat;
        var shape = new AttentionShape(batch, heads, queryHeads.ConstantValue!.Value / heads, queries, width.ConstantValue!.Value, valueWidth, format, result.Format, attention.Scaled);
        var geometry = AttentionGeometry.Of(context, shape, BlockOf(context, heads, width.ConstantValue!.Value + valueWidth, format, attention, attention.Paged ? keyShape[2].ConstantValue!.Value : CacheAppend.LargestBlock), shrink);
        context.SetSource("attention", node);
        TileBuffer counts = context.Integers(node.Inputs[3]);
        CachePlaces places = CachePlaces.Of(context, node.Inputs[1], attention.Circular, attention.Paged ? node.Inputs[^1] : null);
        long most = attention.Circular ? LargestPast : context.Bound(attention.Slots(node.Inputs));
        AttentionPipeline.Build(context, new CachedCase(node, query, result, keys, values, attention, places, geometry, (builder, sequence) => Past(builder, counts, sequence, most)), geometry, most);
    }

    /// <summary>A cache, and the rows that this run appends to it: attention takes them from where they come, without waiting for the cache.</summary>
    private static BlockSource Source(TilingContext context, Node node, int input, int? scales)
    {
        HeadTensor cache = HeadTensor.Of(context, node.Inputs[input], HeadLayout.BHSD);
        if (scales is { } factors)
        {
            return new BlockSource(cache, HeadTensor.Of(context, node.Inputs[factors], HeadLayout.BHSD));
        }
        // Rows of another format become what they are in the cache; slots of a circular one may be overwritten, and the pages of others are not told apart.
        return AddedRows(node, input) is { } append && HeadTensor.Of(context, append.Inputs[1], ((CacheAppend)append.Op).New) is { } rows && rows.Format == cache.Format
            ? new BlockSource(cache.Only(DramPart.Before), null, rows) : new BlockSource(cache);
    }

    /// <summary>The append whose rows an attention may take in place of the cache's.</summary>
    private static Node? AddedRows(Node attention, int input) =>
        attention.Inputs[input].Producer is { Op: CacheAppend { Circular: false, Paged: false } } append && ReferenceEquals(append.Inputs[2], attention.Inputs[3]) && append.Inputs[0].Producer is null ? append : null;

    /// <summary>Values that an operator may read without naming them as operands: the rows that are appended to what it attends to.</summary>
    public static IEnumerable<Value> HiddenReads(Node node) =>
        node.Op is CachedAttention { Scaled: false } ? Enumerable.Range(1, 2).Select(i => AddedRows(node, i)).OfType<Node>().Select(a => a.Inputs[1]) : [];

    /// <param name="Past">Positions that a sequence had before.</param>
    private sealed record CachedCase(Node Node, HeadTensor Query, HeadTensor Result, BlockSource Keys, BlockSource Values, CachedAttention Attention, CachePlaces Places, AttentionGeometry Geometry, Func<TileBuilder, DimExpr, DimExpr> Past)
        : AttentionCase(Node, Query, Result, Keys, Values, Attention.Scale, Attention.SoftCap)
    {
        public override bool ZeroWhereNothingIsSeen => true;

        public override KeyRange Range(TileBuilder builder, QueryTile tile)
        {
            DimExpr past = Past(builder, tile.Sequence), position = past + tile.First;
            // The first block that the first query sees; later queries of the tile may see nothing of it.
            DimExpr first = Attention.Window == 0 ? DimExpr.Zero : builder.Let("first", DimExpr.FloorDiv(DimExpr.Max(DimExpr.Zero, position + DimExpr.One - Attention.Window), Geometry.Block));
            return new KeyRange(first, position + tile.Count, position, past);
        }

        public override HeadPosition Place(TileBuilder builder, HeadPosition block) => Places.Of(builder, block);

        public override (DimExpr Low, DimExpr High, int Slope) Limits(KeyRange range, KeyBlock block) =>
            (Attention.Window == 0 ? -Geometry.Block - Geometry.Queries : range.Position + DimExpr.One - Attention.Window - block.Start, range.Position + DimExpr.One - block.Start, 1);
    }

    /// <summary>
    /// Positions of a block, whose keys and values fit beside the weight ring. A block of all heads should take the DRAM as long
    /// as a step of the softmax takes from one engine to the next, or the steps are what a batch waits for; but windows
    /// are short, and circular caches wrap between blocks. Not a matter of token rows: every program of a binary has the same.
    /// </summary>
    /// <param name="slots">What a block divides.</param>
    private static long BlockOf(TilingContext context, long heads, long widths, ElementType format, CachedAttention attention, long slots)
    {
        long block = AttentionGeometry.MaxBlock;
        double cycles = heads * widths * format.Size() / TransferCost.BytesPerCycle(context.Chip);
        while (attention.Window == 0 && !attention.Circular && block < CacheAppend.LargestBlock && slots % (2 * block) == 0 && block * cycles < StepCycles)
        {
            block *= 2;
        }
        while (block > Isa.Instructions.MatMul.GroupSize && block * ((widths * format.Size()) + (2 * Lines.Bytes)) > context.Chip.Memory.WspBytes - context.RingBytes)
        {
            block /= 2;
        }
        return block;
    }

    private static DimExpr Past(TileBuilder builder, TileBuffer counts, DimExpr sequence, long most) =>
        builder.LoadScalar("past", new ScratchOperand(counts, sequence * sizeof(long)), ElementType.I64, new DimInterval(0, most));
}
