using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Attention as an online softmax over blocks of keys (FlashAttention, Dao et al. 2022), as one stream of blocks of all
/// tiles: beside the softmax of a block stand the scores of the next, be it the first of the next tile, so that neither the
/// arrays nor the vector engine wait for the other, and keys and values are loaded ahead of both.
/// </summary>
/// <remarks>
/// For each set of heads, a step is: softmax of block j; values of block j; scores of block j + 1. A tile's first step
/// has nothing to scale or to add to, and its last step computes the first scores of the next tile. The steps between are
/// a loop over as many blocks as buffers take turns; what is there beyond the last block has length 0.
/// </remarks>
internal sealed class AttentionPipeline
{
    /// <summary>One part in so many of ASP is for the queries of all tiles.</summary>
    private const int QueryShare = 8;

    private readonly TilingContext _context;
    private readonly TileBuilder _builder;
    private readonly AttentionCase _case;
    private readonly AttentionGeometry _geometry;
    private readonly DimExpr _queryTiles, _tiles;

    /// <summary>Whether a tile never has more than one block.</summary>
    private readonly bool _oneBlock;

    /// <summary>The queries of all tiles, where they fit: what is small comes at once, and nothing waits for it later.</summary>
    private readonly TileBuffer? _allQueries;
    private readonly HeadSet[] _sets;

    private AttentionPipeline(TilingContext context, AttentionCase attention, AttentionGeometry geometry, long mostKeys)
    {
        (_context, _builder, _case, _geometry) = (context, context.Builder, attention, geometry);
        AttentionShape shape = geometry.Shape;
        _queryTiles = context.Bound(shape.Queries) <= geometry.Queries && context.LowerBound(shape.Queries) >= 1 ? DimExpr.One : DimExpr.CeilDiv(shape.Queries, geometry.Queries);
        _tiles = shape.Batch * (shape.KeyHeads / geometry.Heads) * _queryTiles;
        _oneBlock = mostKeys <= geometry.Block;
        long tiles = context.Bound(_tiles);
        _allQueries = !HeadSet.QueriesStay(attention, geometry) && tiles <= context.Chip.Memory.AspBytes / QueryShare / geometry.QueryTileBytes ? _builder.Buffer("queries", MemorySpace.Asp, geometry.QueryTileBytes * tiles) : null;
        _sets = [.. Enumerable.Range(0, geometry.Sets).Select(s => new HeadSet(context, attention, geometry, s, _allQueries))];
    }

    /// <param name="mostKeys">Keys of a sequence at most.</param>
    public static void Build(TilingContext context, AttentionCase attention, AttentionGeometry geometry, long mostKeys) =>
        context.Builder.Region("attention", () => new AttentionPipeline(context, attention, geometry, mostKeys).Build());

    private void Build()
    {
        // Without sequences or queries, the first and the last tile are there, and empty.
        DimExpr? any = _context.LowerBound(_tiles) >= 1 ? null : DimExpr.Min(DimExpr.One, _tiles);
        QueryTile first = Tile(DimExpr.Zero, any);
        if (_allQueries is not null)
        {
            _builder.Loop("tile", _tiles, u => LoadQueries(_allQueries, Tile(u)));
        }
        Scores(first, Block(_case.Range(_builder, first), DimExpr.Zero, any), 0);
        if (_tiles.Is(1))
        {
            Build(first, null, null);
        }
        else
        {
            _builder.Loop("tile", _tiles, u =>
            {
                // Both ends of the row of tiles have a neighbour without queries or keys.
                DimExpr exists = _builder.Let("exists", DimExpr.Min(DimExpr.One, _tiles - DimExpr.One - u), new DimInterval(0, 1));
                Build(Tile(u), Tile(DimExpr.Max(u - DimExpr.One, DimExpr.Zero), DimExpr.Min(u, DimExpr.One)), (Tile(u + exists), exists));
            });
        }
        QueryTile last = _tiles.Is(1) ? first : Tile(_tiles - (any ?? DimExpr.One), any);
        foreach (HeadSet set in _sets)
        {
            set.End(last);
            set.EndQueries();
        }
    }

    /// <summary>All steps of a tile whose first scores are there.</summary>
    private void Build(QueryTile tile, QueryTile? before, (QueryTile Tile, DimExpr Exists)? after)
    {
        KeyRange range = _case.Range(_builder, tile);
        if (_oneBlock)
        {
            PrefetchQueries(after?.Tile);
            Step(tile, range, DimExpr.Zero, 0, true, before, after);
            return;
        }
        int turns = _geometry.Turns;
        DimExpr blocks = _builder.Let("blocks", DimExpr.CeilDiv(range.End, _geometry.Block) - range.FirstBlock);
        DimExpr rounds = DimExpr.Max(DimExpr.Zero, DimExpr.CeilDiv(blocks - 2, turns));
        Step(tile, range, DimExpr.Zero, 0, true, before);
        PrefetchQueries(after?.Tile);
        _builder.Loop("keys", rounds, round =>
        {
            for (int t = 1; t <= turns; t++)
            {
                Step(tile, range, (round * turns) + t, t % turns, false);
            }
        });
        Step(tile, range, (rounds * turns) + DimExpr.One, 1 % turns, false, after: after, isLast: true);
    }

    /// <param name="turn">The turn of the block's buffers.</param>
    /// <param name="before">The tile that ends.</param>
    /// <param name="after">The tile whose scores come next, where the block is the last; otherwise it is the next block.</param>
    private void Step(QueryTile tile, KeyRange range, DimExpr number, int turn, bool isFirst, QueryTile? before = null, (QueryTile Tile, DimExpr Exists)? after = null, bool isLast = false)
    {
        isLast |= _oneBlock;
        KeyBlock block = Block(range, number);
        QueryTile? next = isLast ? after?.Tile : tile;
        KeyBlock? nextBlock = null;
        int nextTurn = isLast ? 0 : (turn + 1) % _geometry.Turns;
        if (after is (var successor, var exists))
        {
            nextBlock = Block(_case.Range(_builder, successor), DimExpr.Zero, exists);
            foreach (HeadSet set in _sets)
            {
                set.EndQueries();
            }
        }
        else if (!isLast)
        {
            nextBlock = Block(range, number + DimExpr.One);
        }
        foreach (HeadSet set in _sets)
        {
            set.Softmax(tile, range, block, isFirst, before);
            set.LoadValues(turn, tile, block);
            set.Values(turn, tile, block, isFirst, next is null);
            if (next is not null)
            {
                if (isLast)
                {
                    set.PlaceQueries(next);
                }
                set.LoadKeys(nextTurn, next, nextBlock!);
                set.Scores(nextTurn, next, nextBlock!, isLast);
            }
        }
    }

    private void PrefetchQueries(QueryTile? tile)
    {
        if (tile is not null)
        {
            foreach (HeadSet set in _sets)
            {
                set.PrefetchQueries(tile);
            }
        }
    }

    private void Scores(QueryTile tile, KeyBlock block, int turn)
    {
        foreach (HeadSet set in _sets)
        {
            set.PrefetchQueries(tile);
            set.PlaceQueries(tile);
            set.LoadKeys(turn, tile, block);
        }
        foreach (HeadSet set in _sets)
        {
            set.Scores(turn, tile, block, isFirst: true);
        }
    }

    /// <summary>Tiles are in the order of sequences, then of heads, then of queries.</summary>
    /// <param name="exists">0 for a tile without queries.</param>
    private QueryTile Tile(DimExpr index, DimExpr? exists = null)
    {
        AttentionShape shape = _geometry.Shape;
        (DimExpr rest, DimExpr inSequence) = Split(index, _queryTiles, _tiles);
        (DimExpr sequence, DimExpr heads) = Split(rest, shape.KeyHeads / _geometry.Heads, shape.Batch * (shape.KeyHeads / _geometry.Heads));
        DimExpr first = inSequence * _geometry.Queries;
        DimExpr count = _queryTiles.Is(1) ? shape.Queries : DimExpr.Min(_geometry.Queries, shape.Queries - first);
        return new QueryTile(index, sequence, heads * _geometry.Heads, first, _builder.Let("queries", exists is null ? count : count * exists, new DimInterval(exists is null ? 1 : 0, _geometry.Queries)));
    }

    /// <summary>A number and its remainder, which lies below all there are.</summary>
    private (DimExpr Quotient, DimExpr Remainder) Split(DimExpr index, DimExpr size, DimExpr all)
    {
        if (size.Is(1))
        {
            return (index, DimExpr.Zero);
        }
        if (size == all)
        {
            return (DimExpr.Zero, index);
        }
        DimExpr quotient = _builder.Let("quotient", DimExpr.FloorDiv(index, size));
        return (quotient, _builder.Let("remainder", index - (quotient * size), new DimInterval(0, long.Max(0, _builder.Bounds(size).Upper - 1))));
    }

    /// <param name="exists">0 for a block without keys.</param>
    private KeyBlock Block(KeyRange range, DimExpr number, DimExpr? exists = null)
    {
        DimExpr start = (range.FirstBlock + number) * _geometry.Block, length = DimExpr.Max(DimExpr.Zero, DimExpr.Min(_geometry.Block, range.End - start));
        return new KeyBlock(start, exists is null ? length : length * exists, range.Past);
    }

    private void LoadQueries(TileBuffer all, QueryTile tile)
    {
        AttentionGeometry g = _geometry;
        _context.SetSource("attention/query", _case.Node);
        _case.Query.Read(_builder, g.QueryTarget(all, tile.Index * g.QueryTileBytes, tile.Count), new HeadPosition(tile.Sequence, tile.Head * g.Shape.Group, tile.First), new Extent3(g.Heads * g.Shape.Group, tile.Count, g.Shape.Width));
    }
}
