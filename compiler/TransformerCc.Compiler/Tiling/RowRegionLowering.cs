using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Builds the loop over the row tiles of a region: loads what comes from outside, lowers each operator on its tile,
/// stores what is read outside.
/// </summary>
/// <remarks>
/// Where vector work stands between two linears, a large tile goes through it in strips of rows: while the arrays multiply the last
/// block of a strip, the vector engine brings the strip before through epilogue, norm and conversion, and the next linear begins
/// with that one.
/// </remarks>
internal sealed class RowRegionLowering
{
    /// <summary>Bytes of program memory from which on the first tile of a loop has code of its own.</summary>
    private const long LargeProgram = 1 << 20;

    /// <summary>Rows that a strip has at least: with fewer, the arrays would wait for weights. And strips of a tile at most: each is code of its own.</summary>
    private const int LeastStripRows = 64, MaxStrips = 8;

    /// <summary>
    /// Strips at the end of a region: more products than this in the queue of the arrays keep the sequencer from the loads of the
    /// next layer's weights.
    /// </summary>
    private const int LastStrips = 2;

    private readonly TilingContext _context;
    private readonly RowRegion _region;
    private readonly Dictionary<Value, Tile> _tiles = [];
    private readonly Dictionary<(Value, RowOperandKind, DimExpr, EquatableArray<bool>), Tile> _loaded = [];
    private readonly Dictionary<Tile, Tile> _matrixTiles = [];
    private readonly IReadOnlyList<RowGroup> _groups;
    private readonly Dictionary<Node, LinearGroup> _linears;
    private readonly HashSet<DramTensor> _ownRows = [], _repeated = [];
    private readonly TileBlock _around;
    private readonly RegionCut _cut;

    /// <summary>Results that are stored block by block.</summary>
    private readonly HashSet<Node> _inBlocks;

    /// <summary>Operands of which each tile brings the rows of the next, as soon as its own are used.</summary>
    private readonly Dictionary<(Value, DimExpr), (Tile Tile, Node Reader)> _ahead = [];
    private DimExpr[] _position = [];
    private RowStrip[]? _strips;

    /// <summary>The rows at hand: a strip, or all of the tile.</summary>
    private RowStrip _strip = new(DimExpr.Zero, DimExpr.Zero, 0);

    private RowRegionLowering(TilingContext context, RowRegion region, RegionCut cut)
    {
        _cut = cut;
        _context = context;
        _region = region;
        _groups = region.Groups();
        _around = context.Builder.Block;
        _linears = LinearGroup.Of(region, context);
        // Of no rows at all a tile still has one; the loop around it does not run.
        TileRows = (int)long.Clamp(context.Bound(_groups[^1].Length), 1, cut.Rows);
        _inBlocks = cut.StoresBlocks ? [.. BlockResults(context, region)] : [];
    }

    /// <summary>Rows of a full tile.</summary>
    public int TileRows { get; }

    /// <summary>All rows of the tile.</summary>
    public RowStrip WholeTile { get; private set; } = new(DimExpr.Zero, DimExpr.Zero, 0);

    /// <summary>The parts of the tile that are multiplied one after the other with the same weights.</summary>
    public RowStrip[] Parts { get; private set; } = [];

    /// <summary>Rows at hand.</summary>
    public DimExpr Rows => _strip.Rows;

    /// <summary>Parts of the rows at hand, counted from the first of those.</summary>
    public RowStrip[] CutRows(int leastRows, int most) => (_strip with { First = DimExpr.Zero }).Cut(Builder, leastRows, most);

    public TileBuilder Builder => _context.Builder;

    public TilingContext Context => _context;

    public RegionCut Cut => _cut;

    public static void Lower(TilingContext context, RowRegion region, RegionCut cut) => new RowRegionLowering(context, region, cut).Lower();

    /// <summary>
    /// Whether a region of several tiles reads rows from DRAM that it does not write: with a buffer that lives through all
    /// tiles, the next tile's rows come while this one computes with what it made of its own.
    /// </summary>
    public static bool CanBringAhead(TilingContext context, RowRegion region, int tileRows) =>
        region.Members.Exists(m => m.Node.Op is Linear) && region.Groups() is [var rows] && context.Bound(rows.Length) > tileRows && FromDram(context, region).Any();

    /// <summary>Whether the products of a region can go through a tile in parts: what looks for the best element of a row takes all of them at once.</summary>
    public static bool CanMultiplyInParts(TilingContext context, RowRegion region) =>
        region.Members.Exists(m => m.Node.Op is Linear) && LinearGroup.Of(region, context).Values.All(g => g.Extremes.Count == 0);

    /// <summary>Whether results of linears can go to DRAM block by block, so that no tile holds their rows.</summary>
    public static bool CanStoreBlocks(TilingContext context, RowRegion region) => BlockResults(context, region).Any();

    /// <summary>Linears and gates whose result goes to DRAM, where nothing of the region reads it, unless with each block.</summary>
    private static IEnumerable<Node> BlockResults(TilingContext context, RowRegion region)
    {
        foreach (LinearGroup group in LinearGroup.Of(region, context).Values.Distinct())
        {
            foreach ((Node node, RowForm form) in group.Gate is { } gate ? [gate] : group.Linears)
            {
                Value result = ValueStorage.Root(node.Output);
                if (context.Storage.IsReadOutside(result, region.Nodes) && context.Storage.Resident(result) is null
                    && !region.Members.Exists(m => !group.Computes(m.Node) && m.Node.Inputs.Exists(v => ValueStorage.Root(v) == result))
                    && (node.Op is not Linear { HasResidual: true } || AddsToDram(node, form)))
                {
                    yield return node;
                }
            }
        }

        // What is added to comes from outside for the linear alone, and is laid out like its result.
        bool AddsToDram(Node node, RowForm form)
        {
            Value residual = ValueStorage.Root(node.Inputs[^1]);
            return form.Operands[^1].Kind == RowOperandKind.Full && form.Operands[^1].Columns == form.Columns && context.Storage.Resident(residual) is null && context.Storage.Format(residual) == context.Storage.Format(node.Output)
                && !region.Produces(residual) && region.Members.Sum(m => m.Node.Inputs.Count(v => ValueStorage.Root(v) == residual)) == 1;
        }
    }

    /// <summary>Whether a linear, or a gate that takes its operands from the accumulators, stores its result block by block.</summary>
    public bool StoresInBlocks(Node node) => _inBlocks.Contains(node);

    private static IEnumerable<(Node Node, Value Value, DimExpr Columns)> FromDram(TilingContext context, RowRegion region)
    {
        ValueStorage storage = context.Storage;
        var written = region.Members.SelectMany(m => m.Node.Outputs).Select(storage.Holder).ToHashSet();
        return region.Members.SelectMany(m => m.Node.Inputs.Select((v, i) => (m.Node, Value: v, Operand: m.Form.Operands[i])))
            .Where(x => x.Operand.Kind == RowOperandKind.Full && !region.Produces(x.Value) && !written.Contains(storage.Holder(x.Value)) && storage.Resident(x.Value) is null)
            .Select(x => (x.Node, x.Value, x.Operand.Columns));
    }

    private void Lower()
    {
        // What is the same for all rows is loaded before the loops.
        LoadInvariants();
        Loops(0, []);
    }

    private void LoadInvariants()
    {
        foreach ((Node node, RowForm form) in _region.Members)
        {
            _context.SetSource($"{node.Op.Name}/constants", node);
            for (int i = 0; i < node.Inputs.Count; i++)
            {
                if (form.Operands[i].Kind == RowOperandKind.Invariant)
                {
                    _loaded[Key(node.Inputs[i], form.Operands[i])] = LoadRows(node.Inputs[i], form.Operands[i].Columns, 1, DimExpr.One, DimExpr.Zero, 0);
                }
            }
        }
    }

    private void Loops(int group, DimExpr[] outer)
    {
        if (group < _groups.Count - 1)
        {
            Builder.Loop("row", _groups[group].Length, index =>
            {
                Loops(group + 1, [.. outer, index]);
                OwnParts();
            });
            return;
        }
        if (!_region.Members.Exists(m => m.Node.Op is Linear))
        {
            _context.Tiles("tile", _groups[group].Length, TileRows, (start, length) => LowerTile([.. outer, start], length));
            return;
        }
        bool peel = _context.Chip.Memory.ProgramBytes >= LargeProgram;
        if (!_cut.BringsAhead)
        {
            _context.EvenTiles("tile", _groups[group].Length, TileRows, peel, (start, length) => LowerTile([.. outer, start], length));
            return;
        }
        foreach ((Node reader, Value value, DimExpr columns) in FromDram(_context, _region))
        {
            _ahead.TryAdd((ValueStorage.Root(value), columns), (NewTile(value.Name, columns, _context.Storage.Format(value)), reader));
        }
        _context.EvenTiles("tile", _groups[group].Length, TileRows, peel, (start, length) => LowerTile([.. outer, start], length), Bring);
    }

    /// <summary>Brings the rows of a tile, of which there may be none.</summary>
    private void Bring(DimExpr start, DimExpr length)
    {
        foreach (((Value value, DimExpr columns), (Tile tile, Node reader)) in _ahead)
        {
            _context.SetSource($"{reader.Op.Name}/ahead", reader);
            DimExpr rowBytes = columns * tile.Format.Size();
            _context.Storage.Place(value).Rows(start * rowBytes, rowBytes).Read(Builder, tile.Box(), new Extent3(DimExpr.One, length, columns));
        }
    }

    private void LowerTile(DimExpr[] position, DimExpr length)
    {
        // Nothing of another tile is here, but what is the same for all rows.
        _position = position;
        _strip = WholeTile = new RowStrip(DimExpr.Zero, length, TileRows);
        Parts = TileRows > _cut.PartRows ? WholeTile.Cut(Builder, "part", (TileRows + _cut.PartRows - 1) / _cut.PartRows, _cut.PartRows) : [WholeTile];
        _tiles.Clear();
        _matrixTiles.Clear();
        foreach (var key in _loaded.Keys.Where(k => k.Item2 != RowOperandKind.Invariant).ToList())
        {
            _loaded.Remove(key);
        }
        _strips = null;
        LinearLowering? before = null;
        var between = new List<(Node Node, RowForm Form)>();
        foreach ((Node Node, RowForm Form) member in _region.Members)
        {
            if (member.Node.Op is Linear && !IsLowered(member.Node))
            {
                var linear = new LinearLowering(this, _linears[member.Node]);
                bool hasWork = between.Exists(m => m.Node.Op is not Linear && !IsLowered(m.Node)) && TileRows >= 2 * LeastStripRows;
                RowStrip[] strips = hasWork ? _strips ??= WholeTile.Cut(Builder, LeastStripRows, MaxStrips) : [];
                LowerBetween(before, between, linear, strips);
                before = linear;
                between.Clear();
            }
            between.Add(member);
        }
        // Most of the last epilogue is done beside the last products.
        LowerBetween(before, between, null, before is not null && TileRows >= 2 * LeastStripRows ? WholeTile.Cut(Builder, LeastStripRows, LastStrips) : []);
        OwnParts();
    }

    /// <summary>A linear but for the last epilogue, what stands between it and the next, and what the next begins with.</summary>
    private void LowerBetween(LinearLowering? before, List<(Node Node, RowForm Form)> between, LinearLowering? after, RowStrip[] strips)
    {
        strips = before is { EndsAsWhole: true } ? [] : strips;
        before?.Lower(strips);
        foreach (RowStrip strip in strips.Length == 0 ? [WholeTile] : strips)
        {
            (_strip, Builder.MostRows) = (strip, strips.Length == 0 ? 0 : strip.MostRows);
            before?.End(strip);
            foreach ((Node node, RowForm form) in between)
            {
                if (node.Op is not Linear && !IsLowered(node))
                {
                    _context.SetSource(node.Op.Name, node);
                    RowOperators.Lower(this, node, form);
                }
            }
            after?.Begin(strips);
        }
        (_strip, Builder.MostRows) = (WholeTile, 0);
        foreach ((Node node, RowForm form) in between)
        {
            foreach (Value result in node.Outputs)
            {
                StoreResult(node, form, result);
            }
        }
    }

    /// <summary>Tiles have rows of their own of everything that is not repeated along any rows.</summary>
    private void OwnParts()
    {
        if (!ReferenceEquals(Builder.Block, _around))
        {
            Builder.Block.OwnParts.UnionWith(_ownRows.Except(_repeated));
        }
    }

    /// <summary>Whether a node's results are here already: it belongs to a group of linears that has been lowered.</summary>
    private bool IsLowered(Node node) => (node.Op is Linear && _linears[node].Linears[0].Node != node) || _linears.Values.Any(g => g.Computes(node));

    /// <summary>The tile of an operand, from the rows at hand on: produced here, or loaded.</summary>
    public Tile Use(Node node, RowForm form, int operand) => _strip.Of(Whole(node, form, operand));

    private Tile Whole(Node node, RowForm form, int operand)
    {
        Value value = node.Inputs[operand];
        RowOperand o = form.Operands[operand];
        if (_tiles.TryGetValue(ValueStorage.Root(value), out Tile? tile))
        {
            return tile.Columns == o.Columns ? tile : tile with { Columns = o.Columns };
        }
        if (_loaded.TryGetValue(Key(value, o), out Tile? loaded))
        {
            return loaded;
        }
        return _loaded[Key(value, o)] = o.Kind == RowOperandKind.Full ? LoadFull(value, o.Columns) : LoadPartial(value, o);
    }

    /// <summary>The vector operand of an input; single columns repeat along wider results.</summary>
    public VectorTile Operand(Node node, RowForm form, int operand)
    {
        Tile tile = Use(node, form, operand);
        return tile.Operand(repeatColumn: form.Operands[operand].Columns.Is(1) && !form.Columns.Is(1));
    }

    /// <summary>An input in the format and alignment of the matrix engine; a new copy has room for the whole tile, and <see cref="Convert"/> fills it.</summary>
    public Tile UseForMatrix(Node node, RowForm form, int operand, out bool isNewCopy)
    {
        Tile tile = Whole(node, form, operand);
        ElementType format = _context.Storage.MatrixFormat;
        bool isReady = tile.Format == format && tile.RowStride % Lines.Bytes == 0;
        isNewCopy = !isReady && !_matrixTiles.ContainsKey(tile);
        if (!isNewCopy)
        {
            return isReady ? tile : _matrixTiles[tile];
        }
        long stride = Lines.RoundUp(_context.Bound(tile.Columns) * format.Size());
        return _matrixTiles[tile] = new Tile(Builder.Buffer("operand", MemorySpace.Asp, stride * TileRows), stride, format, tile.Columns, DimExpr.Zero);
    }

    /// <summary>Copies an input for the matrix engine.</summary>
    public void Convert(Node node, RowForm form, int operand, Tile converted)
    {
        Tile tile = Use(node, form, operand);
        Builder.Unary(Isa.Instructions.UnaryOp.Copy, _strip.Of(converted).Operand(), tile.Operand(), Rows, tile.Columns);
    }

    /// <summary>A tile for a result of the node, from the rows at hand on: its part of a resident value, or a buffer.</summary>
    public Tile Define(Node node, RowForm form, int output = 0) => _strip.Of(DefineWhole(node, form, output));

    /// <summary>The tile for all rows of a result, which is made with the first strip.</summary>
    public Tile DefineWhole(Node node, RowForm form, int output = 0)
    {
        Value result = node.Outputs[output];
        if (!_strip.First.Is(0))
        {
            return _tiles[ValueStorage.Root(result)];
        }
        Tile tile = (_context.Storage.Resident(result) is { } place ? InPlace(place, form.Columns, Flat()) : null) ?? NewTile(result.Name, form.Columns, _context.Storage.Format(result));
        _tiles[ValueStorage.Root(result)] = tile;
        return tile;
    }

    /// <summary>
    /// A tile for all rows of a result that is computed element by element from an operand: the operand's own memory, where nothing reads
    /// it any more and it is laid out alike.
    /// </summary>
    public Tile DefineOver(Node node, RowForm form, int operand)
    {
        (Value value, Value result) = (ValueStorage.Root(node.Inputs[operand]), node.Output);
        RowOperand o = form.Operands[operand];
        // What is read outside the region has been stored; a resident value is its readers' own memory.
        IEnumerable<Node> others = _region.Members.SkipWhile(m => m.Node != node).Skip(1).Select(m => m.Node);
        if (node.Op is Linear)
        {
            // Blocks of a group's linears are computed in an order of their own.
            others = others.Concat(_linears[node].Linears.Select(m => m.Node).Where(n => n != node));
        }
        bool isRead = node.Inputs.Where((_, i) => i != operand).Concat(others.SelectMany(n => n.Inputs)).Any(v => ValueStorage.Root(v) == value);
        bool mayOverwrite = o.Kind == RowOperandKind.Full && o.Columns == form.Columns && !isRead && _context.Storage.Resident(value) is null && _context.Storage.Resident(result) is null;
        Tile? tile = mayOverwrite ? Whole(node, form, operand) : null;
        if (tile is null || tile.Format != _context.Storage.Format(result))
        {
            return DefineWhole(node, form);
        }
        // Its copy for the matrix engine is of the operand.
        _matrixTiles.Remove(tile);
        return _tiles[ValueStorage.Root(result)] = tile;
    }

    /// <summary>The table of a gather: any row may be read from it.</summary>
    public DramTensor Table(Value value)
    {
        DramTensor table = _context.Storage.Tensor(value);
        _repeated.Add(table);
        return table;
    }

    /// <summary>A tile for intermediate results.</summary>
    public Tile NewTile(string hint, DimExpr columns, ElementType format)
    {
        long stride = TilingContext.RowStride(_context.Bound(columns), format);
        return new Tile(Builder.Buffer(hint, MemorySpace.Asp, stride * TileRows), stride, format, columns, DimExpr.Zero);
    }

    private Tile LoadFull(Value value, DimExpr columns) =>
        _ahead.TryGetValue((ValueStorage.Root(value), columns), out (Tile Tile, Node) ahead) ? ahead.Tile : LoadRows(value, columns, TileRows, WholeTile.Rows, Flat(), 1);

    private Tile LoadPartial(Value value, RowOperand operand)
    {
        // Strides over the groups, innermost first; a repeated group has none.
        DimExpr offset = DimExpr.Zero, stride = DimExpr.One;
        for (int g = _groups.Count - 1; g >= 0; g--)
        {
            if (_groups[g].Axis >= 0 && !operand.Repeated[_groups[g].Axis])
            {
                offset += _position[g] * stride;
                stride *= _groups[g].Length;
            }
        }
        bool repeats = operand.Repeated[_groups[^1].Axis];
        return LoadRows(value, operand.Columns, repeats ? 1 : TileRows, repeats ? DimExpr.One : WholeTile.Rows, offset, repeats ? 0 : 1, isPartial: true);
    }

    /// <summary>The number of the tile's first row in the whole region.</summary>
    private DimExpr Flat()
    {
        DimExpr flat = DimExpr.Zero;
        for (int g = 0; g < _groups.Count; g++)
        {
            flat = (flat * _groups[g].Length) + _position[g];
        }
        return flat;
    }

    /// <param name="stepsPerRow">0 for a tile of one row that stands for all.</param>
    /// <param name="isPartial">Other tiles may read the same rows.</param>
    private Tile LoadRows(Value value, DimExpr columns, int capacity, DimExpr rows, DimExpr firstRow, int stepsPerRow, bool isPartial = false)
    {
        ValuePlace place = _context.Storage.Place(value);
        if (InPlace(place, columns, firstRow) is { } resident)
        {
            return resident with { RowStride = stepsPerRow * resident.RowStride };
        }
        if (place.Tensor is { } tensor)
        {
            (stepsPerRow == 0 || isPartial ? _repeated : _ownRows).Add(tensor);
        }
        int size = place.Format.Size();
        long stride = TilingContext.RowStride(_context.Bound(columns), place.Format);
        TileBuffer buffer = stepsPerRow == 0 && !isPartial ? Builder.LastingBuffer(value.Name, MemorySpace.Asp, stride) : Builder.Buffer(value.Name, MemorySpace.Asp, stride * capacity);
        var tile = new Tile(buffer, stride, place.Format, columns, DimExpr.Zero);
        place.Rows(firstRow * columns * size, columns * size).Read(Builder, tile.Box(), new Extent3(DimExpr.One, rows, columns));
        return tile with { RowStride = stepsPerRow * stride };
    }

    /// <summary>Rows of a resident value where they lie; null where engines could not take them there. Single columns are packed.</summary>
    private static Tile? InPlace(ValuePlace place, DimExpr columns, DimExpr firstRow)
    {
        if (place.Buffer is not { } buffer || columns.ConstantValue is not { } width)
        {
            return null;
        }
        long stride = width * place.Format.Size();
        bool onLines = stride % Lines.Bytes == 0 || (width == 1 && (firstRow.Is(0) || TilingContext.RowStep * stride % Lines.Bytes == 0));
        return onLines ? new Tile(buffer, stride, place.Format, columns, firstRow * stride) : null;
    }

    private void StoreResult(Node node, RowForm form, Value result)
    {
        // A result that a gate took from the accumulators has no tile, and no other reader.
        if (_inBlocks.Contains(node) || !_context.Storage.IsReadOutside(result, _region.Nodes))
        {
            return;
        }
        Tile tile = _tiles[ValueStorage.Root(result)];
        if (_context.Storage.Resident(result)?.Buffer == tile.Buffer)
        {
            return;
        }
        _context.SetSource($"{node.Op.Name}/store", node);
        RowsOf(result, form, WholeTile, DimExpr.Zero).Write(Builder, tile.Box(), new Extent3(DimExpr.One, WholeTile.Rows, form.Columns));
    }

    /// <summary>The place of rows of the tile, from a column on, of a value outside the region that is as wide as an operator's results.</summary>
    public PlaceBox RowsOf(Value value, RowForm form, RowStrip rows, DimExpr column)
    {
        ValuePlace place = _context.Storage.Place(value);
        if (place.Tensor is { } tensor)
        {
            _ownRows.Add(tensor);
        }
        int size = place.Format.Size();
        DimExpr rowBytes = form.Columns * size;
        return place.Rows(((Flat() + rows.First) * rowBytes) + (column * size), rowBytes);
    }

    private static (Value, RowOperandKind, DimExpr, EquatableArray<bool>) Key(Value value, RowOperand operand) =>
        (ValueStorage.Root(value), operand.Kind, operand.Columns, operand.Repeated);
}
