using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Heads, widths and formats of one attention: what its tiles are cut from.</summary>
/// <param name="Group">Query heads for each key head.</param>
/// <param name="Scaled">Whether keys and values are codes with scales.</param>
internal sealed record AttentionShape(DimExpr Batch, long KeyHeads, long Group, DimExpr Queries, long Width, long ValueWidth, ElementType Format, ElementType Result, bool Scaled);

/// <summary>
/// How an attention is cut. A query tile has some queries of some key heads with the query heads that share them. Its
/// heads form sets: those of a set share their vector instructions, and while one set is in the vector engine, the
/// products of the others are in the arrays.
/// </summary>
/// <param name="Queries">Queries of a tile at most.</param>
/// <param name="Block">Positions of a block of keys, at absolute multiples of it: blocks decide bits, nothing else here does.</param>
/// <param name="SetHeads">Key heads of a set.</param>
/// <param name="Sets">Sets of a tile.</param>
/// <param name="Turns">Buffers for the keys, and for the values, of each set.</param>
internal sealed record AttentionGeometry(AttentionShape Shape, long Queries, long Block, int SetHeads, int Sets, int Turns)
{
    /// <summary>A multiple of the K-group, so that blocks do not change bits; circular caches wrap between blocks.</summary>
    public const int MaxBlock = CacheAppend.SlotMultiple;

    /// <summary>
    /// Rows of a product, queries of a group of heads: keys and values are read again for each tile, and with so many rows
    /// the arrays take longer for a block than DRAM does.
    /// </summary>
    public const int MaxRows = 256;

    /// <summary>Sets of a tile: each is code of its own, and four keep both engines busy.</summary>
    private const int MaxSets = 4;

    /// <summary>Rows of a product up to which the latency of DRAM is longer than the work on a block: more than one block is on its way.</summary>
    private const int FewRows = 64;

    /// <summary>Blocks on their way at most, and sets times turns: each has semaphores and code of its own.</summary>
    private const int MaxTurns = 4, MaxBuffers = 8;

    /// <summary>Rows of a product for one key head.</summary>
    public long Rows => Queries * Shape.Group;

    public int Heads => SetHeads * Sets;

    public long SetRows => Rows * SetHeads;

    public long KeyStride => Lines.RoundUp(Shape.Width * Shape.Format.Size());

    public long ValueStride => Lines.RoundUp(Shape.ValueWidth * Shape.Format.Size());

    public long ProbabilityStride => Block * Shape.Format.Size();

    public long ScoreStride => Lines.RoundUp(Block * sizeof(float), Lines.AccumulatorRowBytes);

    public long OutputStride => Lines.RoundUp(Shape.ValueWidth * sizeof(float), Lines.AccumulatorRowBytes);

    public long ResultStride => Lines.RoundUp(Shape.ValueWidth * Shape.Result.Size());

    public long QueryTileBytes => KeyStride * SetRows * Sets;

    /// <summary>Queries of some heads as rows that follow each other, heads outside.</summary>
    public StridedTile QueryTarget(TileBuffer buffer, DimExpr place, DimExpr count) =>
        new(buffer, place, Shape.Format, new Extent3(count * KeyStride, KeyStride, Shape.Format.Size()));

    /// <summary>The largest cut for tiles of a size: heads give way before queries do.</summary>
    /// <param name="shrink">Halvings of the queries of a tile.</param>
    public static AttentionGeometry Of(TilingContext context, AttentionShape shape, long block, int shrink)
    {
        ChipDescription chip = context.Chip;
        long queries = long.Clamp((MaxRows >> shrink) / shape.Group, 1, long.Max(1, context.Bound(shape.Queries)));
        // Two sets at least, so that one of them can be in the vector engine.
        int setHeads = Divisor(shape.KeyHeads, long.Min(chip.Matrix.Arrays, shape.KeyHeads / 2));
        int sets = Divisor(shape.KeyHeads / setHeads, MaxSets);
        var geometry = new AttentionGeometry(shape, queries, block, setHeads, sets, queries * shape.Group <= FewRows ? int.Min(MaxTurns, MaxBuffers / sets) : 1);
        while (!geometry.Fits(context))
        {
            if (geometry.Turns > 1)
            {
                geometry = geometry with { Turns = geometry.Turns / 2 };
            }
            else if (geometry.Sets > 1)
            {
                geometry = geometry with { Sets = Divisor(geometry.Sets, geometry.Sets - 1) };
            }
            else if (geometry.SetHeads > 1)
            {
                geometry = geometry with { SetHeads = Divisor(geometry.SetHeads, geometry.SetHeads - 1) };
            }
            else
            {
                break;
            }
        }
        return geometry;
    }

    /// <summary>The largest divisor that is not above a limit; 1 at least.</summary>
    private static int Divisor(long number, long limit)
    {
        long divisor = long.Clamp(limit, 1, number);
        while (number % divisor != 0)
        {
            divisor--;
        }
        return checked((int)divisor);
    }

    /// <summary>An estimate; the memory planner has the last word.</summary>
    private bool Fits(TilingContext context)
    {
        MemoryDescription memory = context.Chip.Memory;
        long blocks = Heads * (long)Turns * Block * (KeyStride + ValueStride);
        return SetRows * Sets * (ScoreStride + OutputStride) <= memory.AccBytes
            && (SetRows * Sets * (KeyStride + ProbabilityStride + ResultStride + Lines.Bytes)) + (Shape.Scaled ? 2 * blocks : 0) <= memory.AspBytes / 4 * 3
            && (Shape.Scaled || blocks <= memory.WspBytes - context.RingBytes);
    }
}
