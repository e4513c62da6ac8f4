using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Products with experts chosen by data. The experts that a tile of tokens chose are put in order on the chip, and the
/// sequencer walks over them: each one's weights are read once, multiplied with all rows of the tile, and the rows that
/// chose it are taken over. Experts that nobody chose are not read. Rows do not depend on each other, so neither tiles nor
/// the order of experts show in a bit.
/// </summary>
/// <remarks>
/// Few rows cost the matrix engine nothing, because loading weights takes as long. For many tokens an expert multiplies rows
/// that did not choose it: with E experts of which each token chooses S, E / S of the necessary work, for reading weights once.
/// </remarks>
internal sealed class ExpertLowering
{
    /// <summary>Tokens of a tile at most: weights are read once for each.</summary>
    private const long MaxTokens = 256;

    private static readonly int s_wide = ElementType.I64.Size();

    private readonly TilingContext _context;
    private readonly Node _node;
    private readonly ExpertLinear _linear;
    private readonly PanelGeometry _geometry;
    private readonly long _experts, _depth, _slots, _tokens, _distance, _inStride, _outStride;

    /// <summary>Rows of x for a token: one that all slots share, or one for each.</summary>
    private readonly long _rowsOfToken;
    private readonly bool _distinct;
    private readonly ElementType _format;
    private readonly DramTensor _numbers;
    private readonly List<(long First, long Width, List<WeightPanel> Panels)> _blocks;
    private readonly ValuePlace _source, _target, _chosen;

    private ExpertLowering(TilingContext context, Node node, ExpertLinear linear, int shrink)
    {
        (_context, _node, _linear) = (context, node, linear);
        (Value x, Value ids) = (node.Inputs[0], node.Inputs[1]);
        Tensor weights = node.Inputs[2].ConstantData!;
        (_experts, _depth, _slots) = (weights.Shape[0], x.Type.Shape.Last.ConstantValue!.Value, ids.Type.Shape[1].ConstantValue!.Value);
        _rowsOfToken = x.Type.Rank == 3 ? _slots : 1;
        // The best of a row are different elements: no token chooses an expert twice.
        _distinct = _rowsOfToken == 1 || ids.Producer?.Op is TopK;
        _tokens = long.Max(1, long.Min(MaxTokens >> shrink, context.Bound(ids.Type.Shape[0])));
        (_source, _target, _chosen) = (context.Storage.Place(x), context.Storage.Place(node.Output), context.Storage.Place(ids));
        _format = context.Storage.MatrixFormat;
        _geometry = PanelGeometry.Of(context, Matrix(node, linear));
        (_inStride, _outStride) = (Lines.RoundUp(_depth * _format.Size()), Lines.RoundUp(Columns * _target.Format.Size()));
        _numbers = Numbers();
        List<(long, long, List<WeightPanel>)>[] panels = [.. Enumerable.Range(0, checked((int)_experts)).Select(PanelsOf)];
        _blocks = panels[0];
        _distance = _experts > 1 ? panels[1][0].Item3[0].Offset - _blocks[0].Panels[0].Offset : 0;
    }

    /// <summary>The weights of the first expert.</summary>
    public static WeightMatrix Matrix(Node node, ExpertLinear linear) =>
        new(node.Inputs[2].ConstantData!, node.Inputs[0].Type.Shape.Last.ConstantValue!.Value, node.Inputs[2].ConstantData!.Shape[1], WeightLayout.NByK, linear.Weights);

    private long Columns => _geometry.Weights.Columns;

    private TileBuilder Builder => _context.Builder;

    /// <param name="shrink">Halvings of the tile of tokens.</param>
    public static void Lower(TilingContext context, Node node, ExpertLinear linear, int shrink)
    {
        var lowering = new ExpertLowering(context, node, linear, shrink);
        context.Tiles("tokens", node.Inputs[1].Type.Shape[0], lowering._tokens, lowering.Lower);
    }

    private void Lower(DimExpr first, DimExpr tokens)
    {
        _context.SetSource("expert_linear/choice", _node);
        long capacity = _tokens * _slots;
        DimExpr count = tokens * _slots, distinct = DimExpr.Min(_experts, count);
        // The products of one router share the order. It is known before the first of them begins, so that the sequencer, and
        // with it the weight DMA, need not wait for the end of one to begin the next.
        (TileBuffer ids, TileBuffer idle, TileBuffer order) = _context.ExpertOrder(_node.Inputs[1], capacity, () =>
        {
            TileBuffer known = Ids(first * _slots, count, capacity);
            (TileBuffer none, TileBuffer sorted) = Order(known, count, capacity, distinct);
            return (known, none, sorted);
        });
        _context.SetSource("expert_linear/tokens", _node);
        Tile x = Rows(first * _rowsOfToken, tokens * _rowsOfToken);
        TileBuffer result = Builder.Buffer("expert_result", MemorySpace.Asp, _outStride * capacity);
        Builder.Fill(new ScratchOperand(result, DimExpr.Zero), _target.Format, _outStride, count, Columns, 0);
        Builder.Loop("expert", distinct, i =>
        {
            DimExpr none = Builder.LoadScalar("idle", new ScratchOperand(idle, i * s_wide), ElementType.I64, new DimInterval(0, 1));
            DimExpr expert = Builder.LoadScalar("expert", new ScratchOperand(order, i * s_wide), ElementType.I64, new DimInterval(0, _experts - 1));
            Builder.Loop("chosen", 1 - none, _ => Multiply(x, ids, order, i, expert, tokens, result));
        });
        _context.SetSource("expert_linear/store", _node);
        _target.Rows(first * _slots * Columns * _target.Format.Size(), Columns * _target.Format.Size())
            .Write(Builder, new StridedTile(result, DimExpr.Zero, _target.Format, new Extent3(DimExpr.Zero, _outStride, _target.Format.Size())), new Extent3(DimExpr.One, count, Columns));
    }

    /// <summary>One expert: all rows of the tile times its weights, taken over where a slot chose it.</summary>
    private void Multiply(Tile x, TileBuffer ids, TileBuffer order, DimExpr place, DimExpr expert, DimExpr tokens, TileBuffer result)
    {
        _context.SetSource("expert_linear", _node);
        TileBuffer mask = Builder.Buffer("mask", MemorySpace.Asp, _tokens * _slots);
        Builder.Binary(BinaryOp.Equal, new VectorTile(mask, DimExpr.Zero, 1, ElementType.Bool), new VectorTile(ids, DimExpr.Zero, s_wide, ElementType.I64), new VectorTile(order, place * s_wide, 0, ElementType.I64), tokens * _slots, DimExpr.One);
        // Where every slot has a row of its own, the one that chose the expert; otherwise all rows.
        bool each = _rowsOfToken > 1 && !_distinct;
        Tile rows = _rowsOfToken > 1 && _distinct ? ChosenRows(x, mask, tokens) : x;
        DimExpr count = each ? tokens * _slots : tokens;
        long capacity = each ? _tokens * _slots : _tokens;
        VectorTile? bias = _linear.HasBias ? Bias(expert) : null;
        var products = new PanelProducts(_context, rows, checked((int)capacity));
        var all = new RowStrip(DimExpr.Zero, count, (int)capacity);
        TileBuffer[] accumulators = [.. Enumerable.Range(0, _blocks.Count > 1 ? 2 : 1).Select(_ => Builder.Buffer("expert_acc", MemorySpace.Acc, _geometry.AccumulatorStride * capacity))];
        for (int b = 0; b < _blocks.Count; b++)
        {
            (long n0, long width, List<WeightPanel> panels) = _blocks[b];
            var sum = new VectorTile(accumulators[b % accumulators.Length], DimExpr.Zero, _geometry.AccumulatorStride, ElementType.F32);
            products.Multiply([new BlockProduct(_geometry, panels, width, sum.Buffer, all, expert * _distance, new DebugSource("expert_linear", _node))], all, [], 0, panels.Count);
            _context.SetSource("expert_linear/epilogue", _node);
            if (bias is { } shift)
            {
                Builder.Binary(BinaryOp.Add, sum, sum, shift with { Offset = shift.Offset + (n0 * shift.Format.Size()) }, count, width);
            }
            for (int s = 0; s < (each ? 1 : _slots); s++)
            {
                long step = each ? 1 : _slots;
                var target = new VectorTile(result, (s * _outStride) + (n0 * _target.Format.Size()), step * _outStride, _target.Format);
                Builder.Select(target, new VectorTile(mask, s, step, ElementType.Bool, 0), sum, target, count, width);
            }
        }
    }

    /// <summary>Of each token the row of the slot that chose the expert; any row where none did.</summary>
    private Tile ChosenRows(Tile x, TileBuffer mask, DimExpr tokens)
    {
        var rows = new Tile(Builder.Buffer("chosen_rows", MemorySpace.Asp, _inStride * _tokens), _inStride, _format, _depth, DimExpr.Zero);
        VectorTile Slot(int s) => x.Operand() with { Offset = x.Offset + (s * x.RowStride), RowStride = _slots * x.RowStride };
        Builder.Unary(UnaryOp.Copy, rows.Operand(), Slot(0), tokens, _depth);
        for (int s = 1; s < _slots; s++)
        {
            Builder.Select(rows.Operand(), new VectorTile(mask, s, _slots, ElementType.Bool, 0), Slot(s), rows.Operand(), tokens, _depth);
        }
        return rows;
    }

    /// <summary>
    /// The experts of a tile, those that some slot chose first, each kind in ascending order; and for each whether nobody
    /// chose it.
    /// </summary>
    private (TileBuffer Idle, TileBuffer Order) Order(TileBuffer ids, DimExpr count, long capacity, DimExpr distinct)
    {
        long stride = Lines.RoundUp(capacity);
        TileBuffer numbers = Builder.Buffer("numbers", MemorySpace.Asp, _experts * s_wide), differs = Builder.Buffer("differs", MemorySpace.Asp, stride * _experts), idle = Builder.Buffer("idle", MemorySpace.Asp, _experts * s_wide);
        TileBuffer sorted = Builder.Buffer("sorted", MemorySpace.Asp, _experts * s_wide), order = Builder.Buffer("order", MemorySpace.Asp, _experts * s_wide);
        var number = new VectorTile(numbers, DimExpr.Zero, s_wide, ElementType.I64);
        Builder.Iota(number, _experts, DimExpr.One, DimExpr.Zero, DimExpr.One, DimExpr.Zero);
        Builder.Binary(BinaryOp.NotEqual, new VectorTile(differs, DimExpr.Zero, stride, ElementType.Bool), new VectorTile(ids, DimExpr.Zero, 0, ElementType.I64), number with { ColumnStride = 0 }, _experts, count);
        Builder.Reduce(ReduceOp.Min, new VectorTile(idle, DimExpr.Zero, s_wide, ElementType.I64), new VectorTile(differs, DimExpr.Zero, stride, ElementType.Bool), _experts, count);
        long row = Lines.RoundUp(_experts * s_wide);
        Builder.TopK(new VectorTile(sorted, DimExpr.Zero, row, ElementType.I64), new VectorTile(order, DimExpr.Zero, row, ElementType.I64), new VectorTile(idle, DimExpr.Zero, row, ElementType.I64), DimExpr.One, _experts, distinct, largest: false);
        return (sorted, order);
    }

    /// <summary>The tile's rows of x in the format and alignment of the matrix engine; where they lie, if they are so already.</summary>
    private Tile Rows(DimExpr first, DimExpr count)
    {
        PlaceBox box = _source.Rows(first * _depth * _source.Format.Size(), _depth * _source.Format.Size());
        if (_source.Format == _format && box.InPlace(DimExpr.One, count) is { } resident)
        {
            return new Tile(resident.Buffer, _inStride, _format, _depth, resident.Offset);
        }
        var x = new Tile(Builder.Buffer("tokens", MemorySpace.Asp, _inStride * _tokens * _rowsOfToken), _inStride, _format, _depth, DimExpr.Zero);
        box.Read(Builder, x.Box(), new Extent3(DimExpr.One, count, _depth));
        return x;
    }

    /// <summary>The panels of an expert: blocks of columns outside, K inside.</summary>
    private List<(long First, long Width, List<WeightPanel> Panels)> PanelsOf(int expert)
    {
        PanelGeometry own = _geometry with { Weights = _geometry.Weights with { FirstRow = expert * Columns } };
        return [.. own.Blocks().Select(b => (b.First, b.Width, own.Panels(Builder.Program.Weights, b.First, b.Width)))];
    }

    /// <summary>The numbers 0 … experts − 1: rows to gather by id.</summary>
    private DramTensor Numbers()
    {
        Tensor numbers = TensorMath.FromLongs(ElementType.I64, [_experts], [.. Enumerable.Range(0, checked((int)_experts)).Select(i => (long)i)]);
        return new DramTensor($"{_node.Output.Name}.experts", null, ElementType.I64, [_experts]) { Blob = Builder.Program.Weights.Constant(numbers, ElementType.I64) };
    }

    /// <summary>The ids of a tile as i64 from 0 on. They become addresses: a gather by them traps where one is out of range.</summary>
    private TileBuffer Ids(DimExpr first, DimExpr count, long capacity)
    {
        int size = _chosen.Format.Size();
        TileBuffer list = Builder.Buffer("choice", MemorySpace.Asp, capacity * size), known = Builder.Buffer("ids", MemorySpace.Asp, capacity * s_wide);
        _chosen.Run(first * size).Read(Builder, new StridedTile(list, DimExpr.Zero, _chosen.Format, new Extent3(DimExpr.Zero, DimExpr.Zero, size)), new Extent3(DimExpr.One, DimExpr.One, count));
        Builder.Gather(new VectorTile(known, DimExpr.Zero, s_wide, ElementType.I64), new StridedDram(_numbers, DimExpr.Zero, new Extent3(DimExpr.Zero, s_wide, DimExpr.Zero)),
            _experts, new ScratchOperand(list, DimExpr.Zero), _chosen.Format, count, DimExpr.One);
        return known;
    }

    /// <summary>The bias of an expert, for all rows.</summary>
    private VectorTile Bias(DimExpr expert)
    {
        DramTensor table = _context.Storage.Tensor(_node.Inputs[3]);
        int size = table.Type.Size();
        TileBuffer bias = Builder.Buffer("expert_bias", MemorySpace.Asp, Columns * size);
        var stride = new Extent3(DimExpr.Zero, DimExpr.Zero, size);
        Builder.Load(new StridedTile(bias, DimExpr.Zero, table.Type, stride), new StridedDram(table, expert * Columns * size, stride), new Extent3(DimExpr.One, DimExpr.One, Columns));
        return new VectorTile(bias, DimExpr.Zero, 0, table.Type);
    }
}
