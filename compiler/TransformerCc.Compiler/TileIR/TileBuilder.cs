using System.Globalization;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.TileIR;

/// <summary>Three nested lengths or byte strides, outermost first.</summary>
public readonly record struct Extent3(DimExpr Outer, DimExpr Middle, DimExpr Inner);

/// <summary>A place and byte strides in a buffer or tensor.</summary>
public readonly record struct StridedTile(TileBuffer Buffer, DimExpr Offset, ElementType Format, Extent3 Stride);

/// <inheritdoc cref="StridedTile"/>
public readonly record struct StridedDram(DramTensor Tensor, DimExpr Offset, Extent3 Stride, DramPart Part = DramPart.All);

/// <summary>Appends nodes to a tile program; the operand names are those of the instruction declarations.</summary>
public sealed class TileBuilder(TileProgram program)
{
    private readonly Stack<TileBlock> _blocks = new([program.Body]);
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DimInterval> _intervals = new(program.Dimensions, StringComparer.Ordinal);
    private readonly List<TileChannel> _takes = [];
    private TileStatement? _last;
    private ushort _tag;

    public TileProgram Program => program;

    /// <summary>Rows that each of the next statements with rows touches at most; 0 where nothing is known.</summary>
    public int MostRows { get; set; }

    public TileBlock Block => _blocks.Peek();

    /// <summary>The values an expression may take, over dimensions, loop variables and named values.</summary>
    public DimInterval Bounds(DimExpr expression) => expression.Bounds(_intervals);

    /// <summary>The tile operation and graph node that the next statements stand for.</summary>
    public void SetSource(string operation, string node, string source)
    {
        var entry = new DebugEntry(operation, node, source);
        if (program.Debug[_tag] == entry)
        {
            return;
        }
        if (program.Debug.Count > ushort.MaxValue)
        {
            _tag = ushort.MaxValue;
            return;
        }
        program.Debug.Add(entry);
        _tag = (ushort)(program.Debug.Count - 1);
    }

    /// <summary>A name no buffer or variable has yet, made from a hint.</summary>
    public string Fresh(string hint)
    {
        int n = _names.TryGetValue(hint, out int count) ? count : 0;
        _names[hint] = n + 1;
        return n == 0 && !program.Dimensions.ContainsKey(hint) ? hint : string.Create(CultureInfo.InvariantCulture, $"{hint}.{n}");
    }

    public TileBuffer Buffer(string hint, MemorySpace space, long bytes) => Buffer(hint, space, bytes, orderedByHand: false);

    /// <summary>A buffer of the innermost block whose users there the lowering orders itself.</summary>
    public TileBuffer OrderedBuffer(string hint, MemorySpace space, long bytes) => Buffer(hint, space, bytes, orderedByHand: true);

    /// <summary>
    /// A small buffer that, in the body of a loop, has its place to itself: what an iteration needs at its start comes while the
    /// one before computes.
    /// </summary>
    public TileBuffer LastingBuffer(string hint, MemorySpace space, long bytes) => Buffer(hint, space, bytes, orderedByHand: false, livesInBlock: _blocks.Count > 1);

    private TileBuffer Buffer(string hint, MemorySpace space, long bytes, bool orderedByHand, bool livesInBlock = false)
    {
        var buffer = new TileBuffer(Fresh(hint), space, Lines.RoundUp(long.Max(bytes, 1), space == MemorySpace.Acc ? Lines.AccumulatorRowBytes : Lines.Bytes), orderedByHand, livesInBlock);
        Block.Buffers.Add(buffer);
        return buffer;
    }

    /// <summary>The channel of a name; lowerings of different operators may use the same, one after the other.</summary>
    public TileChannel Channel(string name, Engine from, Engine to, int credits)
    {
        if (!program.Channels.TryGetValue(name, out TileChannel? channel))
        {
            program.Channels[name] = channel = new TileChannel(name, from, to, credits);
        }
        return channel.From == from && channel.To == to && channel.Credits == credits ? channel : throw new InvalidOperationException($"channel {name} is used in two ways");
    }

    /// <summary>The next statement takes a unit before it starts.</summary>
    public void Take(TileChannel channel) => _takes.Add(channel);

    /// <summary>The last statement gives a unit when it ends.</summary>
    public void Give(TileChannel channel)
    {
        if (_last?.Engine != channel.From)
        {
            throw new InvalidOperationException($"channel {channel} is given by {channel.From}, not by {_last?.Engine}");
        }
        _last.Gives.Add(channel);
    }

    /// <summary>Gives a unit when what the engine was given before has ended.</summary>
    public void Post(TileChannel channel)
    {
        Emit<Post>(("on", new EngineOperand(channel.From)));
        Give(channel);
    }

    /// <summary>Builds a block that runs once, with buffers of its own.</summary>
    public void Region(string hint, Action body)
    {
        var loop = new TileLoop(Fresh(hint), DimExpr.One);
        Block.Nodes.Add(loop);
        _blocks.Push(loop.Body);
        body();
        _blocks.Pop();
    }

    /// <summary>Builds statements that stand in front of the whole program, behind those that already do.</summary>
    /// <param name="at">How many nodes do.</param>
    /// <returns>How many do now.</returns>
    public int Prepend(int at, Action body)
    {
        var block = new TileBlock();
        _blocks.Push(block);
        body();
        _blocks.Pop();
        program.Body.Buffers.AddRange(block.Buffers);
        program.Body.Nodes.InsertRange(at, block.Nodes);
        return at + block.Nodes.Count;
    }

    /// <summary>Builds a loop; one that is known to run once is built without it.</summary>
    public void Loop(string hint, DimExpr count, Action<DimExpr> body)
    {
        if (count.Is(1))
        {
            body(DimExpr.Zero);
            return;
        }
        var loop = new TileLoop(Fresh(hint), count);
        _intervals[loop.Variable] = new DimInterval(0, long.Max(0, Bounds(count).Upper - 1));
        Block.Nodes.Add(loop);
        _blocks.Push(loop.Body);
        body(DimExpr.Symbol(loop.Variable));
        _blocks.Pop();
    }

    /// <summary>Names a value for the rest of the block; constants and bare symbols need no name.</summary>
    /// <param name="interval">Where it lies, when more is known than the expression tells.</param>
    public DimExpr Let(string hint, DimExpr value, DimInterval? interval = null)
    {
        if (value.IsConstant || value.SymbolName is not null)
        {
            return value;
        }
        var let = new TileLet(Fresh(hint), value);
        _intervals[let.Name] = interval ?? Bounds(value);
        Block.Nodes.Add(let);
        return DimExpr.Symbol(let.Name);
    }

    /// <summary>
    /// Reads an integer of an ASP buffer into the sequencer, which waits for it, and names it for the rest of the block.
    /// </summary>
    /// <param name="interval">Values that buffers are planned for.</param>
    public DimExpr LoadScalar(string hint, ScratchOperand source, ElementType format, DimInterval interval)
    {
        string name = Fresh(hint);
        _intervals[name] = interval;
        Emit<LoadScalar>(("dst", new DefinitionOperand(name, interval)), ("address", source), ("format", new FormatOperand(format)));
        return DimExpr.Symbol(name);
    }

    /// <param name="shift">Bytes from the panel to the one that is meant, of another expert.</param>
    public void LoadWeights(TileBuffer slot, WeightPanel panel, DimExpr? shift = null) =>
        Emit<LoadWeights>(("dst", new ScratchOperand(slot, 0)), ("src", new PanelOperand(panel, (shift ?? DimExpr.Zero) + (panel.Segment?.Distance ?? DimExpr.Zero))), ("bytes", Dim(panel.Bytes)));

    public void Load(StridedTile dst, StridedDram src, Extent3 count) =>
        Emit<Load>([("dst", new ScratchOperand(dst.Buffer, dst.Offset)), ("dst_format", new FormatOperand(dst.Format)), ("src", new DramOperand(src.Tensor, src.Offset, src.Part)), ("src_format", new FormatOperand(src.Tensor.Type)),
            .. Extent("count", count), .. Extent("src", src.Stride), .. Extent("dst", dst.Stride)]);

    public void Store(StridedDram dst, StridedTile src, Extent3 count) =>
        Emit<Store>([("dst", new DramOperand(dst.Tensor, dst.Offset, dst.Part)), ("dst_format", new FormatOperand(dst.Tensor.Type)), ("src", new ScratchOperand(src.Buffer, src.Offset)), ("src_format", new FormatOperand(src.Format)),
            .. Extent("count", count), .. Extent("dst", dst.Stride), .. Extent("src", src.Stride)]);

    public void Copy(StridedTile dst, StridedTile src, Extent3 count) =>
        Emit<Copy>([("dst", new ScratchOperand(dst.Buffer, dst.Offset)), ("dst_format", new FormatOperand(dst.Format)), ("src", new ScratchOperand(src.Buffer, src.Offset)), ("src_format", new FormatOperand(src.Format)),
            .. Extent("count", count), .. Extent("dst", dst.Stride), .. Extent("src", src.Stride)]);

    /// <param name="tableFormat">The blocks of the table; null for elements of the tensor's type.</param>
    public void Gather(VectorTile dst, StridedDram table, DimExpr tableRows, ScratchOperand indices, ElementType indexFormat, DimExpr rows, DimExpr columns, WeightFormat? tableFormat = null) =>
        Emit<Gather>(("dst", Place(dst)), ("dst_format", new FormatOperand(dst.Format)), ("dst_row", Dim(dst.RowStride)), ("table", new DramOperand(table.Tensor, table.Offset)), ("table_format", new FormatOperand(tableFormat ?? table.Tensor.Type)),
            ("table_row", Dim(table.Stride.Middle)), ("table_rows", Dim(tableRows)), ("indices", indices), ("index_format", new FormatOperand(indexFormat)), ("rows", Dim(rows)), ("columns", Dim(columns)));

    public void Scatter(ScatterMode mode, StridedDram dst, DimExpr tableRows, VectorTile src, ScratchOperand indices, ElementType indexFormat, DimExpr rows, DimExpr columns) =>
        Emit<Scatter>(("mode", ChoiceOperand.Of(mode)), ("dst", new DramOperand(dst.Tensor, dst.Offset)), ("dst_format", new FormatOperand(dst.Tensor.Type)), ("dst_row", Dim(dst.Stride.Middle)), ("table_rows", Dim(tableRows)),
            ("src", Place(src)), ("src_format", new FormatOperand(src.Format)), ("src_row", Dim(src.RowStride)), ("indices", indices), ("index_format", new FormatOperand(indexFormat)), ("rows", Dim(rows)), ("columns", Dim(columns)));

    /// <summary>Fills with a bit pattern, e.g. that of a float.</summary>
    public void Fill(ScratchOperand dst, ElementType format, DimExpr rowStride, DimExpr rows, DimExpr columns, long bits) =>
        Emit<Fill>(("dst", dst), ("format", new FormatOperand(format)), ("row", Dim(rowStride)), ("rows", Dim(rows)), ("columns", Dim(columns)), ("value", Dim(bits)));

    /// <param name="arrays">Number of arrays, from <paramref name="firstArray"/> on.</param>
    public void MatMul(VectorTile a, ScratchOperand w, WeightFormat wFormat, DimExpr wRowStride, PanelLayout layout, ScratchOperand result, long resultRowStride, DimExpr m, DimExpr k, DimExpr n, AccumulateMode mode, int arrays, int firstArray = 0) =>
        Emit<MatMul>(("a", Place(a)), ("a_format", new FormatOperand(a.Format)), ("a_row", Dim(a.RowStride)), ("w", w), ("w_format", new FormatOperand(wFormat)), ("w_row", Dim(wRowStride)), ("layout", ChoiceOperand.Of(layout)),
            ("result", result), ("result_row", Dim(resultRowStride)), ("m", Dim(m)), ("k", Dim(k)), ("n", Dim(n)), ("mode", ChoiceOperand.Of(mode)), ("array", new NumberOperand(firstArray)), ("arrays", new NumberOperand(arrays)));

    public void Unary(UnaryOp op, VectorTile dst, VectorTile src, DimExpr rows, DimExpr columns, float parameter = 0) =>
        Emit<VectorUnary>(("op", ChoiceOperand.Of(op)), ("dst", dst), ("src", src), ("rows", Dim(rows)), ("columns", Dim(columns)), ("parameter", new FloatOperand(parameter)));

    public void Binary(BinaryOp op, VectorTile dst, VectorTile a, VectorTile b, DimExpr rows, DimExpr columns) =>
        Emit<VectorBinary>(("op", ChoiceOperand.Of(op)), ("dst", dst), ("a", a), ("b", b), ("rows", Dim(rows)), ("columns", Dim(columns)));

    public void Select(VectorTile dst, VectorTile condition, VectorTile a, VectorTile b, DimExpr rows, DimExpr columns) =>
        Emit<VectorSelect>(("dst", dst), ("condition", condition), ("a", a), ("b", b), ("rows", Dim(rows)), ("columns", Dim(columns)));

    public void Gated(UnaryOp activation, VectorTile dst, VectorTile gate, VectorTile up, DimExpr rows, DimExpr columns) =>
        Emit<VectorGated>(("activation", ChoiceOperand.Of(activation)), ("dst", dst), ("gate", gate), ("up", up), ("rows", Dim(rows)), ("columns", Dim(columns)));

    public void Iota(VectorTile dst, DimExpr rows, DimExpr columns, DimExpr start, DimExpr rowStep, DimExpr columnStep) =>
        Emit<VectorIota>(("dst", dst), ("rows", Dim(rows)), ("columns", Dim(columns)), ("start", Dim(start)), ("row_step", Dim(rowStep)), ("column_step", Dim(columnStep)));

    public void Reduce(ReduceOp op, VectorTile dst, VectorTile src, DimExpr rows, DimExpr columns) =>
        Emit<VectorReduce>(("op", ChoiceOperand.Of(op)), ("dst", dst), ("src", src), ("rows", Dim(rows)), ("columns", Dim(columns)));

    public void Scan(VectorTile dst, VectorTile src, DimExpr rows, DimExpr columns, bool exclusive, bool reverse) =>
        Emit<VectorScan>(("dst", dst), ("src", src), ("rows", Dim(rows)), ("columns", Dim(columns)), ("exclusive", new NumberOperand(exclusive ? 1 : 0)), ("reverse", new NumberOperand(reverse ? 1 : 0)));

    public void TopK(VectorTile values, VectorTile positions, VectorTile src, DimExpr rows, DimExpr columns, DimExpr count, bool largest) =>
        Emit<VectorTopK>(("dst", values), ("result", positions), ("src", src), ("rows", Dim(rows)), ("columns", Dim(columns)), ("k", Dim(count)), ("largest", new NumberOperand(largest ? 1 : 0)));

    /// <param name="shift">Null for a norm without one.</param>
    public void Norm(NormKind kind, VectorTile dst, VectorTile src, VectorTile scale, VectorTile? shift, float epsilon, DimExpr rows, DimExpr columns) =>
        Emit<VectorNorm>(("kind", ChoiceOperand.Of(kind)), ("dst", dst), ("src", src), ("scale", Place(scale)), ("scale_format", new FormatOperand(scale.Format)), ("has_shift", new NumberOperand(shift is null ? 0 : 1)),
            ("shift", Place(shift ?? scale)), ("shift_format", new FormatOperand((shift ?? scale).Format)), ("epsilon", new FloatOperand(epsilon)), ("rows", Dim(rows)), ("columns", Dim(columns)));

    public void Rope(RopeKind kind, VectorTile dst, VectorTile src, VectorTile cos, VectorTile sin, DimExpr rows, int heads, int headDim, int rotaryDim) =>
        Emit<VectorRope>(("kind", ChoiceOperand.Of(kind)), ("dst", dst), ("src", src), ("cos", Place(cos)), ("sin", Place(sin)), ("table_row", Dim(cos.RowStride)), ("table_format", new FormatOperand(cos.Format)),
            ("rows", Dim(rows)), ("heads", new NumberOperand(heads)), ("head_dim", new NumberOperand(headDim)), ("rotary", new NumberOperand(rotaryDim)));

    public void Softmax(VectorTile dst, VectorTile src, DimExpr rows, DimExpr columns) =>
        Emit<VectorSoftmax>(("dst", dst), ("src", src), ("rows", Dim(rows)), ("columns", Dim(columns)));

    /// <param name="low">First visible column of query 0.</param>
    /// <param name="high">One past the last visible column of query 0.</param>
    /// <param name="slope">How far both limits move per query: 0 or 1.</param>
    /// <param name="mode">Whether the block is the first of its rows.</param>
    public void OnlineSoftmax(VectorTile dst, VectorTile scores, ScratchOperand state, long stateRowStride, DimExpr rows, DimExpr columns, float scale, DimExpr queryRows, DimExpr low, DimExpr high, int slope, AccumulateMode mode) =>
        Emit<OnlineSoftmax>(("dst", dst), ("scores", scores), ("state", state), ("state_row", Dim(stateRowStride)), ("mode", ChoiceOperand.Of(mode)), ("rows", Dim(rows)), ("columns", Dim(columns)),
            ("scale", new FloatOperand(scale)), ("query_rows", Dim(queryRows)), ("low", Dim(low)), ("high", Dim(high)), ("slope", new NumberOperand(slope)));

    public void OnlineFinish(VectorTile dst, VectorTile src, ScratchOperand state, long stateRowStride, DimExpr rows, DimExpr columns) =>
        Emit<OnlineFinish>(("dst", dst), ("src", src), ("state", state), ("state_row", Dim(stateRowStride)), ("rows", Dim(rows)), ("columns", Dim(columns)));

    private static ScratchOperand Place(VectorTile tile) => new(tile.Buffer, tile.Offset);

    private static DimOperand Dim(DimExpr value) => new(value);

    private static (string, TileOperand)[] Extent(string name, Extent3 e) => [(name + "_outer", Dim(e.Outer)), (name + "_middle", Dim(e.Middle)), (name + "_inner", Dim(e.Inner))];

    private void Emit<T>(params ReadOnlySpan<(string Name, TileOperand Value)> operands) where T : Instruction, IInstruction<T>
    {
        var named = new NamedOperand[operands.Length];
        for (int i = 0; i < operands.Length; i++)
        {
            named[i] = new NamedOperand(operands[i].Name, operands[i].Value);
        }
        _last = new TileStatement(InstructionSet.FindMnemonic(T.Info.Mnemonic)!, named, _tag);
        if (MostRows > 0 && _last.Rows is not null)
        {
            _last.MostRows = MostRows;
        }
        if (_takes.Find(c => c.To != _last.Engine) is { } wrong)
        {
            throw new InvalidOperationException($"channel {wrong} is taken by {wrong.To}, not by {_last.Engine}");
        }
        _last.Takes.AddRange(_takes);
        _takes.Clear();
        Block.Nodes.Add(_last);
    }
}
