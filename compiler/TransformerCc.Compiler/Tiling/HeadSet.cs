using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Key heads of a query tile that share their vector instructions: rows are heads, then query heads of the group, then
/// queries. The scores of a block live in the accumulators and never leave the chip.
/// </summary>
internal sealed class HeadSet
{
    /// <summary>State of a row: maximum, sum, factor; one line.</summary>
    private const int StateStride = Lines.Bytes;

    private const int SumOffset = sizeof(float);

    private const int FactorOffset = 2 * sizeof(float);

    /// <summary>Rows that each of several arrays must have for a product to be split over them: its weights enter each array.</summary>
    private const int RowsOfPart = 32;

    private readonly TilingContext _context;
    private readonly TileBuilder _builder;
    private readonly AttentionCase _case;
    private readonly AttentionGeometry _geometry;
    private readonly int _index;
    private readonly TileBuffer _scores, _probabilities, _state, _output, _attended;

    /// <summary>
    /// The queries of all sets and tiles, or those of this set and one tile, which take turns; neither where they are multiplied
    /// where they lie.
    /// </summary>
    private readonly TileBuffer? _allQueries;
    private readonly TurnBuffer? _queries;

    /// <summary>The queries of the next tile, on their way from DRAM.</summary>
    private readonly TurnBuffer? _nextQueries;
    private readonly BlockBuffer[] _keys, _values;
    private readonly AttentionMask? _mask;

    /// <summary>Scores are there, and the values of the block before are added; probabilities are there, and the scores may go.</summary>
    private readonly TileChannel _scored, _weighted;

    /// <param name="allQueries">The queries of all sets and tiles, where they are there at once.</param>
    public HeadSet(TilingContext context, AttentionCase attention, AttentionGeometry geometry, int index, TileBuffer? allQueries)
    {
        (_context, _builder, _case, _geometry, _index, _allQueries) = (context, context.Builder, attention, geometry, index, allQueries);
        long rows = geometry.SetRows;
        if (allQueries is null && !QueriesStay(attention, geometry))
        {
            string name = FormattableString.Invariant($"query{index}");
            _queries = new TurnBuffer(_builder, _builder.OrderedBuffer(name, MemorySpace.Asp, geometry.KeyStride * rows), name, Engine.Copy, Engine.Matrix);
            if (attention.Query.Place.Mover != Engine.Copy)
            {
                string next = $"{name}.next";
                _nextQueries = new TurnBuffer(_builder, _builder.OrderedBuffer(next, MemorySpace.Asp, geometry.KeyStride * rows), next, attention.Query.Place.Mover, Engine.Copy);
            }
        }
        _scores = _builder.OrderedBuffer("scores", MemorySpace.Acc, geometry.ScoreStride * rows);
        _output = _builder.OrderedBuffer("output", MemorySpace.Acc, geometry.OutputStride * rows);
        _probabilities = _builder.OrderedBuffer("probabilities", MemorySpace.Asp, geometry.ProbabilityStride * rows);
        _state = _builder.OrderedBuffer("state", MemorySpace.Asp, StateStride * rows);
        _attended = _builder.Buffer("attended", MemorySpace.Asp, geometry.ResultStride * rows);
        BlockBuffer[] Blocks(string name, long stride, long width, BlockSource source) =>
            [.. Enumerable.Range(0, geometry.Turns).Select(t => new BlockBuffer(context, geometry, FormattableString.Invariant($"{name}{index}.{t}"), stride, width, source))];
        _keys = Blocks("key", geometry.KeyStride, geometry.Shape.Width, attention.Keys);
        _values = Blocks("value", geometry.ValueStride, geometry.Shape.ValueWidth, attention.Values);
        _mask = attention.Mask == MaskKind.None ? null : new AttentionMask(context, attention, geometry, index);
        _scored = _builder.Channel("attention.scored", Engine.Matrix, Engine.Vector, 0);
        _weighted = _builder.Channel("attention.weighted", Engine.Vector, Engine.Matrix, 0);
    }

    private VectorTile Output => new(_output, DimExpr.Zero, _geometry.OutputStride, ElementType.F32);

    private VectorTile Probabilities => new(_probabilities, DimExpr.Zero, _geometry.ProbabilityStride, _geometry.Shape.Format);

    private DimExpr Head(QueryTile tile) => tile.Head + (_index * _geometry.SetHeads);

    /// <summary>Rows of a key head.</summary>
    private DimExpr HeadRows(QueryTile tile) => tile.Count * _geometry.Shape.Group;

    private DimExpr Rows(QueryTile tile) => HeadRows(tile) * _geometry.SetHeads;

    /// <summary>Begins to bring the queries of a tile, unless all are there.</summary>
    public void PrefetchQueries(QueryTile tile)
    {
        _context.SetSource("attention/query", _case.Node);
        _nextQueries?.Turn(0, () => ReadQueries(_nextQueries.Buffer, tile));
    }

    /// <summary>Puts the queries of a tile in the place of those before.</summary>
    public void PlaceQueries(QueryTile tile)
    {
        _context.SetSource("attention/query", _case.Node);
        _queries?.Turn(0, () =>
        {
            if (_nextQueries is null)
            {
                ReadQueries(_queries.Buffer, tile);
            }
            else
            {
                _nextQueries.Turn(1, () => _builder.Copy(_geometry.QueryTarget(_queries.Buffer, DimExpr.Zero, tile.Count), _geometry.QueryTarget(_nextQueries.Buffer, DimExpr.Zero, tile.Count), QueryBox(tile)));
            }
        });
    }

    private Extent3 QueryBox(QueryTile tile) => new(_geometry.SetHeads * _geometry.Shape.Group, tile.Count, _geometry.Shape.Width);

    private void ReadQueries(TileBuffer buffer, QueryTile tile) =>
        _case.Query.Read(_builder, _geometry.QueryTarget(buffer, DimExpr.Zero, tile.Count), new HeadPosition(tile.Sequence, Head(tile) * _geometry.Shape.Group, tile.First), QueryBox(tile));

    /// <summary>All scores of a tile are on their way: its queries may go.</summary>
    public void EndQueries() => _queries?.End(1);

    public void LoadKeys(int turn, QueryTile tile, KeyBlock block) => Fill(_keys[turn], tile, block);

    public void LoadValues(int turn, QueryTile tile, KeyBlock block) => Fill(_values[turn], tile, block);

    private void Fill(BlockBuffer buffer, QueryTile tile, KeyBlock block)
    {
        _context.SetSource("attention/load", _case.Node);
        buffer.Fill(_case.Place(_builder, Position(tile, block)), block);
    }

    private HeadPosition Position(QueryTile tile, KeyBlock block) => new(tile.Sequence, Head(tile), block.Start);

    /// <summary>
    /// Whether queries are multiplied where they lie: rows of a head at a constant distance, which the rows of several heads that share
    /// keys are not. A tile's result may take their place: its last values need its last scores.
    /// </summary>
    public static bool QueriesStay(AttentionCase attention, AttentionGeometry geometry) => geometry.Shape.Group == 1 && attention.Query.Format == geometry.Shape.Format
        && attention.Query.InPlace(new HeadPosition(DimExpr.One, DimExpr.One, DimExpr.One), DimExpr.One, geometry.Queries) is not null;

    /// <param name="head">Of the set.</param>
    /// <param name="row">Of the head.</param>
    private VectorTile Queries(QueryTile tile, int head, DimExpr row)
    {
        AttentionGeometry g = _geometry;
        DimExpr inTile = ((HeadRows(tile) * head) + row) * g.KeyStride;
        return _allQueries is not null ? new VectorTile(_allQueries, (tile.Index * g.QueryTileBytes) + (HeadRows(tile) * (_index * g.SetHeads * g.KeyStride)) + inTile, g.KeyStride, g.Shape.Format)
            : _queries is not null ? new VectorTile(_queries.Buffer, inTile, g.KeyStride, g.Shape.Format)
            : new VectorTile(_case.Query.Place.Buffer!, _case.Query.From(new HeadPosition(tile.Sequence, Head(tile) + head, tile.First + row)).Offset, _case.Query.Sequence, g.Shape.Format);
    }

    /// <summary>Queries times keys.</summary>
    /// <param name="isFirst">Whether the block is the first of its tile.</param>
    public void Scores(int turn, QueryTile tile, KeyBlock block, bool isFirst)
    {
        _context.SetSource("attention/scores", _case.Node);
        AttentionGeometry g = _geometry;
        if (isFirst)
        {
            _queries?.Begin(1);
        }
        _keys[turn].Use(() => Products(tile, g.Block, (head, row, rows, first, arrays) =>
        {
            (ScratchOperand keys, DimExpr stride) = _keys[turn].Rows(Position(tile, block), head, block.Length);
            _builder.MatMul(Queries(tile, head, row), keys, g.Shape.Format, stride, PanelLayout.NByK,
                new ScratchOperand(_scores, ((HeadRows(tile) * head) + row) * g.ScoreStride), g.ScoreStride, rows, g.Shape.Width, block.Length, AccumulateMode.Init, arrays, first);
        }));
        _builder.Give(_scored);
    }

    /// <summary>
    /// Takes a block into the running softmax and scales what was summed before it. Where its scores are there, the values
    /// of the block before are added, be it the last one of another tile: that one ends here.
    /// </summary>
    /// <param name="isFirst">Whether it is the first of its tile.</param>
    /// <param name="ended">The tile before.</param>
    public void Softmax(QueryTile tile, KeyRange range, KeyBlock block, bool isFirst, QueryTile? ended)
    {
        _mask?.Load(tile, Head(tile), block);
        _builder.Take(_scored);
        if (ended is not null)
        {
            Divide(ended);
        }
        Softmax(tile, range, block, isFirst);
    }

    /// <summary>Ends the last tile.</summary>
    public void End(QueryTile tile)
    {
        _builder.Take(_scored);
        Divide(tile);
    }

    private void Softmax(QueryTile tile, KeyRange range, KeyBlock block, bool isFirst)
    {
        AttentionGeometry g = _geometry;
        VectorTile scores = new(_scores, DimExpr.Zero, g.ScoreStride, ElementType.F32);
        DimExpr rows = Rows(tile);
        float scale = _case.Scale;
        if (_case.SoftCap != 0)
        {
            _context.SetSource("attention/soft_cap", _case.Node);
            Scale(scores, rows, block.Length, scale);
            _builder.Unary(UnaryOp.SoftCap, scores, scores, rows, block.Length, _case.SoftCap);
            scale = 1;
        }
        if (_mask is not null)
        {
            if (_case.Mask == MaskKind.Additive)
            {
                _context.SetSource("attention/mask", _case.Node);
                Scale(scores, rows, block.Length, scale);
                scale = 1;
            }
            _mask.Apply(block, scores, rows);
        }
        (DimExpr low, DimExpr high, int slope) = _case.Limits(range, block);
        _context.SetSource("attention/softmax", _case.Node);
        _builder.OnlineSoftmax(Probabilities, scores, new ScratchOperand(_state, DimExpr.Zero), StateStride, rows, block.Length, scale, tile.Count, low, high, slope, isFirst ? AccumulateMode.Init : AccumulateMode.Add);
        if (!isFirst)
        {
            _builder.Binary(BinaryOp.Mul, Output, Output, new VectorTile(_state, FactorOffset, StateStride, ElementType.F32, 0), rows, g.Shape.ValueWidth);
        }
        _builder.Give(_weighted);
    }

    /// <summary>Adds the weighted values of a block.</summary>
    /// <param name="isLast">Whether no scores follow that tell when they are added.</param>
    public void Values(int turn, QueryTile tile, KeyBlock block, bool isFirst, bool isLast)
    {
        _context.SetSource("attention/values", _case.Node);
        AttentionGeometry g = _geometry;
        _builder.Take(_weighted);
        _values[turn].Use(() => Products(tile, g.Shape.ValueWidth, (head, row, rows, first, arrays) =>
        {
            DimExpr from = (HeadRows(tile) * head) + row;
            (ScratchOperand values, DimExpr stride) = _values[turn].Rows(Position(tile, block), head, block.Length);
            _builder.MatMul(Probabilities with { Offset = from * g.ProbabilityStride }, values, g.Shape.Format, stride, PanelLayout.KByN,
                new ScratchOperand(_output, from * g.OutputStride), g.OutputStride, rows, block.Length, g.Shape.ValueWidth, isFirst ? AccumulateMode.Init : AccumulateMode.Add, arrays, first);
        }));
        if (isLast)
        {
            _builder.Give(_scored);
        }
    }

    /// <summary>Divides by the sums and stores the result.</summary>
    private void Divide(QueryTile tile)
    {
        AttentionGeometry g = _geometry;
        ElementType type = g.Shape.Result;
        DimExpr rows = Rows(tile);
        _context.SetSource("attention/finish", _case.Node);
        VectorTile target = new(_attended, DimExpr.Zero, g.ResultStride, type);
        if (_case.ZeroWhereNothingIsSeen)
        {
            _builder.OnlineFinish(target, Output, new ScratchOperand(_state, DimExpr.Zero), StateStride, rows, g.Shape.ValueWidth);
        }
        else
        {
            _builder.Binary(BinaryOp.Div, target, Output, new VectorTile(_state, SumOffset, StateStride, ElementType.F32, 0), rows, g.Shape.ValueWidth);
        }
        _case.Result.Write(_builder, new StridedTile(_attended, DimExpr.Zero, type, new Extent3(tile.Count * g.ResultStride, g.ResultStride, type.Size())),
            new HeadPosition(tile.Sequence, Head(tile) * g.Shape.Group, tile.First), new Extent3(g.SetHeads * g.Shape.Group, tile.Count, g.Shape.ValueWidth));
    }

    private void Scale(VectorTile scores, DimExpr rows, DimExpr columns, float scale)
    {
        if (scale != 1)
        {
            _builder.Unary(UnaryOp.Scale, scores, scores, rows, columns, scale);
        }
    }

    /// <summary>A product for each head, on arrays of its own where there are as many; with more arrays than heads, rows are split over them.</summary>
    /// <param name="emit">Gets the head, the first row and the number of rows, the first array and the number of arrays.</param>
    private void Products(QueryTile tile, long columns, Action<int, DimExpr, DimExpr, int, int> emit)
    {
        int arrays = _context.Chip.Matrix.Arrays, share = int.Max(1, arrays / _geometry.SetHeads);
        int range = (int)long.Min(share, (columns + _context.Chip.Matrix.N - 1) / _context.Chip.Matrix.N), parts = (int)long.Clamp(_geometry.Rows / RowsOfPart, 1, share / range);
        DimExpr rows = HeadRows(tile), partRows = DimExpr.CeilDiv(rows, parts);
        for (int head = 0; head < _geometry.SetHeads; head++)
        {
            for (int part = 0; part < parts; part++)
            {
                DimExpr row = partRows * part, count = parts == 1 ? rows : DimExpr.Max(DimExpr.Zero, DimExpr.Min(partRows, rows - row));
                emit(head, row, count, ((head * share) + (part * range)) % arrays, range);
            }
        }
    }
}
