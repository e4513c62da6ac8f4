using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Where keys and values come from; codes have scales.</summary>
internal sealed record KeyValueTensors(HeadTensor Keys, HeadTensor Values, HeadTensor? KeyScales = null, HeadTensor? ValueScales = null);

/// <summary>What the tiles of one attention have in common. A row of a tile is a query of one of the heads that share a key head.</summary>
/// <param name="Group">Query heads for each key head.</param>
/// <param name="Queries">Queries of a tile at most.</param>
/// <param name="Block">Positions of a block of keys, at absolute multiples of it: blocks decide bits, query tiles do not.</param>
internal sealed record AttentionGeometry(HeadTensor Query, HeadTensor Result, long Group, long Width, long ValueWidth, long Queries, long Block, ElementType Format)
{
    /// <summary>Rows of a query tile: heads of a group times queries.</summary>
    public const int MaxRows = 128;

    /// <summary>A multiple of the K-group, so that blocks do not change bits; circular caches wrap between blocks.</summary>
    public const int MaxBlock = CacheAppend.SlotMultiple;

    public long Rows => Queries * Group;

    public long KeyStride => Lines.RoundUp(Width * Format.Size());

    public long ValueStride => Lines.RoundUp(ValueWidth * Format.Size());

    public long ProbabilityStride => Block * Format.Size();

    public long ScoreStride => Lines.RoundUp(Block * sizeof(float), Lines.AccumulatorRowBytes);

    public long OutputStride => Lines.RoundUp(ValueWidth * sizeof(float), Lines.AccumulatorRowBytes);

    public long ResultStride => Lines.RoundUp(ValueWidth * Result.Format.Size());

    /// <summary>Queries of a tile after some halvings.</summary>
    public static long QueriesOf(TilingContext context, DimExpr queries, long group, int shrink) =>
        long.Min(context.Bound(queries), long.Max(1, (MaxRows >> shrink) / group));
}

/// <summary>
/// A tile of queries of one key head, and its online softmax over blocks of keys and values: the scores of a block live
/// in the accumulators and never leave the chip.
/// </summary>
internal sealed class AttentionTile
{
    /// <summary>State of a row: maximum, sum, factor; one line.</summary>
    private const int StateStride = Lines.Bytes;

    private const int SumOffset = sizeof(float);

    private const int FactorOffset = 2 * sizeof(float);

    private readonly TilingContext _context;
    private readonly Node _node;
    private readonly AttentionGeometry _geometry;
    private readonly DimExpr _batch, _head, _first, _count, _rows;
    private readonly TileBuffer _query, _state, _output;

    /// <summary>Loads the queries and begins with nothing seen.</summary>
    /// <param name="head">The first query head.</param>
    public AttentionTile(TilingContext context, Node node, AttentionGeometry geometry, DimExpr batch, DimExpr head, DimExpr first, DimExpr count)
    {
        (_context, _node, _geometry, _batch, _head, _first, _count, _rows) = (context, node, geometry, batch, head, first, count, count * geometry.Group);
        TileBuilder builder = context.Builder;
        context.SetSource("attention/query", node);
        _query = builder.Buffer("query", MemorySpace.Asp, geometry.KeyStride * geometry.Rows);
        Read(geometry.Query, _query, geometry.KeyStride, new HeadPosition(batch, head, first), geometry.Group, count, geometry.Width);
        _state = builder.Buffer("state", MemorySpace.Asp, StateStride * geometry.Rows);
        _output = builder.Buffer("output", MemorySpace.Acc, geometry.OutputStride * geometry.Rows);
        builder.Fill(new ScratchOperand(_state, DimExpr.Zero), ElementType.F32, StateStride, _rows, DimExpr.One, NegativeInfinity);
        builder.Fill(new ScratchOperand(_state, SumOffset), ElementType.F32, StateStride, _rows, DimExpr.One, 0);
        builder.Fill(new ScratchOperand(_output, DimExpr.Zero), ElementType.F32, geometry.OutputStride, _rows, geometry.ValueWidth, 0);
    }

    public static long NegativeInfinity => BitConverter.SingleToUInt32Bits(float.NegativeInfinity);

    /// <summary>Rows of the tile.</summary>
    public DimExpr Rows => _rows;

    private VectorTile Output => new(_output, DimExpr.Zero, _geometry.OutputStride, ElementType.F32);

    /// <summary>Loads a block of keys and of values and multiplies queries with keys; the values are for <see cref="Combine"/>.</summary>
    public (VectorTile Scores, TileBuffer Values) Scores(KeyValueTensors source, HeadPosition position, DimExpr length)
    {
        TileBuilder builder = _context.Builder;
        AttentionGeometry g = _geometry;
        _context.SetSource("attention/scores", _node);
        TileBuffer key = LoadBlock("key", g.KeyStride, source.Keys, source.KeyScales, position, length, g.Width), value = LoadBlock("value", g.ValueStride, source.Values, source.ValueScales, position, length, g.ValueWidth);
        TileBuffer scores = builder.Buffer("scores", MemorySpace.Acc, g.ScoreStride * g.Rows);
        builder.MatMul(new VectorTile(_query, DimExpr.Zero, g.KeyStride, g.Format), new ScratchOperand(key, DimExpr.Zero), g.Format, g.KeyStride, PanelLayout.NByK,
            new ScratchOperand(scores, DimExpr.Zero), g.ScoreStride, _rows, g.Width, length, AccumulateMode.Init, _context.Chip.Matrix.Arrays);
        return (new VectorTile(scores, DimExpr.Zero, g.ScoreStride, ElementType.F32), value);
    }

    /// <summary>Bounds the scaled scores; nothing without a cap. Returns the scale that is left to apply.</summary>
    public float Cap(VectorTile scores, DimExpr length, float scale, float cap)
    {
        if (cap == 0)
        {
            return scale;
        }
        _context.SetSource("attention/soft_cap", _node);
        Scale(scores, length, scale);
        _context.Builder.Unary(UnaryOp.SoftCap, scores, scores, _rows, length, cap);
        return 1;
    }

    public void Scale(VectorTile scores, DimExpr length, float scale)
    {
        if (scale != 1)
        {
            _context.Builder.Unary(UnaryOp.Scale, scores, scores, _rows, length, scale);
        }
    }

    /// <summary>Takes a block into the running softmax and its weighted sum of values.</summary>
    /// <param name="low">First visible column of the tile's first query.</param>
    /// <param name="high">One past its last visible column.</param>
    /// <param name="slope">How far both move with each query.</param>
    public void Combine(VectorTile scores, TileBuffer values, DimExpr length, float scale, DimExpr low, DimExpr high, int slope)
    {
        TileBuilder builder = _context.Builder;
        AttentionGeometry g = _geometry;
        _context.SetSource("attention/softmax", _node);
        TileBuffer probabilities = builder.Buffer("probabilities", MemorySpace.Asp, g.ProbabilityStride * g.Rows);
        VectorTile weights = new(probabilities, DimExpr.Zero, g.ProbabilityStride, g.Format);
        builder.OnlineSoftmax(weights, scores, new ScratchOperand(_state, DimExpr.Zero), StateStride, _rows, length, scale, _count, low, high, slope);
        builder.Binary(BinaryOp.Mul, Output, Output, new VectorTile(_state, FactorOffset, StateStride, ElementType.F32, 0), _rows, g.ValueWidth);
        _context.SetSource("attention/values", _node);
        builder.MatMul(weights, new ScratchOperand(values, DimExpr.Zero), g.Format, g.ValueStride, PanelLayout.KByN,
            new ScratchOperand(_output, DimExpr.Zero), g.OutputStride, _rows, length, g.ValueWidth, AccumulateMode.Add, _context.Chip.Matrix.Arrays);
    }

    /// <summary>Divides by the sums and stores the result.</summary>
    /// <param name="zeroWhereNothingIsSeen">Otherwise a row without visible keys is 0/0, as in plain softmax.</param>
    public void Finish(bool zeroWhereNothingIsSeen)
    {
        TileBuilder builder = _context.Builder;
        AttentionGeometry g = _geometry;
        ElementType type = g.Result.Format;
        _context.SetSource("attention/finish", _node);
        TileBuffer finished = builder.Buffer("attended", MemorySpace.Asp, g.ResultStride * g.Rows);
        VectorTile tile = new(finished, DimExpr.Zero, g.ResultStride, type);
        if (zeroWhereNothingIsSeen)
        {
            builder.OnlineFinish(tile, Output, new ScratchOperand(_state, DimExpr.Zero), StateStride, _rows, g.ValueWidth);
        }
        else
        {
            builder.Binary(BinaryOp.Div, tile, Output, new VectorTile(_state, SumOffset, StateStride, ElementType.F32, 0), _rows, g.ValueWidth);
        }
        g.Result.Write(builder, new StridedTile(finished, DimExpr.Zero, type, new Extent3(_count * g.ResultStride, g.ResultStride, type.Size())), new HeadPosition(_batch, _head, _first), new Extent3(g.Group, _count, g.ValueWidth));
    }

    /// <summary>A block as the matrix engine takes it. Codes go through the vector engine, which has no way to WSP: the product reads them from ASP.</summary>
    private TileBuffer LoadBlock(string name, long stride, HeadTensor source, HeadTensor? scales, HeadPosition position, DimExpr length, long width)
    {
        TileBuilder builder = _context.Builder;
        TileBuffer block = builder.Buffer(name, scales is null ? MemorySpace.Wsp : MemorySpace.Asp, stride * _geometry.Block);
        if (scales is not { } factors)
        {
            Read(source, block, stride, position, 1, length, width);
            return block;
        }
        long codeStride = Lines.RoundUp(width);
        TileBuffer codes = builder.Buffer($"{name}.codes", MemorySpace.Asp, codeStride * _geometry.Block), column = builder.Buffer($"{name}.scales", MemorySpace.Asp, sizeof(float) * _geometry.Block);
        source.Read(builder, new StridedTile(codes, DimExpr.Zero, source.Format, new Extent3(DimExpr.Zero, codeStride, DimExpr.One)), position, new Extent3(DimExpr.One, length, width));
        factors.Read(builder, new StridedTile(column, DimExpr.Zero, ElementType.F32, new Extent3(DimExpr.Zero, sizeof(float), sizeof(float))), position, new Extent3(DimExpr.One, length, DimExpr.One));
        builder.Binary(BinaryOp.Mul, new VectorTile(block, DimExpr.Zero, stride, _geometry.Format), new VectorTile(codes, DimExpr.Zero, codeStride, source.Format), new VectorTile(column, DimExpr.Zero, sizeof(float), ElementType.F32, 0), length, width);
        return block;
    }

    private void Read(HeadTensor source, TileBuffer buffer, long rowStride, HeadPosition position, long heads, DimExpr length, long width) =>
        source.Read(_context.Builder, new StridedTile(buffer, DimExpr.Zero, _geometry.Format, new Extent3(length * rowStride, rowStride, _geometry.Format.Size())), position, new Extent3(heads, length, width));
}
