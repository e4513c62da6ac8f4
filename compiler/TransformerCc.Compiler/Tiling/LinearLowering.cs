using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A tile of rows times constant weights: blocks of columns outside, panels of K inside, each panel one slot of the
/// weight ring. Bias, activation, gate and residual are applied on the way out of the accumulators.
/// </summary>
internal sealed class LinearLowering
{
    /// <summary>More panels than this become a loop over steps: programs of long vocabularies and of small rings stay small.</summary>
    private const int MaxPanels = 96;

    private readonly RowRegionLowering _region;
    private readonly TilingContext _context;
    private readonly LinearGroup _group;
    private PanelProducts? _products;
    private Part[] _parts = [];

    /// <summary>The copy of the operand in the matrix engine's format, where it needs one.</summary>
    private Tile? _converted;
    private Tile? _gated;
    private BlockResult? _gatedBlocks;

    /// <summary>Strips whose operands come one after the other; none where the whole tile's are there.</summary>
    private RowStrip[] _begun = [];

    /// <summary>The step whose epilogue comes last, with its accumulators; none where all epilogues are done.</summary>
    private (Block[] Blocks, Turn Turn)? _last;

    /// <summary>A linear of the group, ready to be multiplied block by block.</summary>
    /// <param name="Result">Null where a gate takes it from the accumulators, and where it is stored in blocks.</param>
    /// <param name="Blocks">Null where a tile holds the result.</param>
    /// <param name="Extreme">Null where nobody asks for the place of a row's best element.</param>
    private sealed record Part(Node Node, Linear Linear, PanelGeometry Geometry, VectorTile? Bias, VectorTile? Residual, Tile? Result, BlockResult? Blocks, BlockExtremes? Extreme);

    /// <summary>What a part of the rows takes while the one before is read out.</summary>
    /// <param name="Rows">The part.</param>
    private readonly record struct Turn(int Number, TileBuffer[] Accumulators, RowStrip Rows);

    /// <summary>A block of columns of a part.</summary>
    private sealed record Block(int Part, long First, long Width, List<WeightPanel> Panels);

    public LinearLowering(RowRegionLowering region, LinearGroup group) => (_region, _context, _group) = (region, region.Context, group);

    /// <summary>Whether the last epilogue takes all rows at once: what looks for the best element of a row does.</summary>
    public bool EndsAsWhole => _group.Extremes.Count > 0;

    /// <summary>Brings the operands of the rows at hand.</summary>
    /// <param name="strips">All strips, where those rows are one of them.</param>
    public void Begin(RowStrip[] strips)
    {
        (Node Node, RowForm Form) first = _group.Linears[0];
        _context.SetSource(first.Node.Op.Name, first.Node);
        if (_products is not null)
        {
            Convert();
            return;
        }
        _begun = strips;
        Tile x = _region.UseForMatrix(first.Node, first.Form, 0, out bool isNewCopy);
        _converted = isNewCopy ? x : null;
        Convert();
        _products = new PanelProducts(_context, x, _region.TileRows);
        _parts = [.. _group.Linears.Select(m =>
        {
            var linear = (Linear)m.Node.Op;
            VectorTile? bias = linear.HasBias ? _region.Operand(m.Node, m.Form, 2) : null;
            int? residual = linear.HasResidual ? linear.HasBias ? 3 : 2 : null;
            bool inBlocks = _group.Gate is null && _region.StoresInBlocks(m.Node);
            VectorTile? added = residual is { } r && !inBlocks ? _region.Operand(m.Node, m.Form, r) : null;
            Tile? result = _group.Gate is not null || inBlocks ? null : residual is { } over ? _region.DefineOver(m.Node, m.Form, over) : _region.DefineWhole(m.Node, m.Form);
            PanelGeometry geometry = PanelGeometry.Of(_context, Matrix(m.Node, linear));
            BlockExtremes? extreme = _group.Extremes.TryGetValue(m.Node, out (Node Node, RowForm Form) index) ? new BlockExtremes(_region, index.Node, index.Form, geometry) : null;
            BlockResult? blocks = inBlocks ? new BlockResult(_region, m.Node, m.Form, residual, geometry.Columns) : null;
            return new Part(m.Node, linear, geometry, bias, added, result, blocks, extreme);
        })];
        if (_group.Gate is { } gate)
        {
            bool inBlocks = _region.StoresInBlocks(gate.Node);
            _gated = inBlocks ? null : _region.DefineWhole(gate.Node, gate.Form);
            _gatedBlocks = inBlocks ? new BlockResult(_region, gate.Node, gate.Form, null, _parts[0].Geometry.Columns) : null;
        }
    }

    private void Convert()
    {
        if (_converted is not null)
        {
            _region.Convert(_group.Linears[0].Node, _group.Linears[0].Form, 0, _converted);
        }
    }

    /// <summary>All but the last epilogue, and that one too where a tile is multiplied in parts.</summary>
    /// <param name="strips">Strips in which what follows goes on.</param>
    public void Lower(RowStrip[] strips)
    {
        List<Block[]> steps = Steps();
        RowStrip[] parts = _region.Parts;
        TileBuffer[][] accumulators = [.. Enumerable.Range(0, int.Min(_region.Cut.Turns, steps.Count * parts.Length)).Select(_ => Enumerable.Range(0, steps.Max(s => s.Length))
            .Select(_ => _context.Builder.Buffer($"{_group.Linears[0].Node.Output.Name}.acc", MemorySpace.Acc, _parts.Max(p => p.Geometry.AccumulatorStride) * parts[0].MostRows)).ToArray())];
        for (int s = 0; s < steps.Count;)
        {
            if (LoopFrom(steps, s) is (var body, var count))
            {
                long columns = steps[s + body][0].First - steps[s][0].First;
                int from = s;
                _context.Builder.Loop("columns", count, index =>
                {
                    for (int i = from; i < from + body; i++)
                    {
                        Step(steps[i], i, steps[i + body], index, index * columns);
                    }
                });
                s += body * count;
                continue;
            }
            if (parts.Length > 1)
            {
                Step(steps[s], s, null, DimExpr.Zero, DimExpr.Zero);
            }
            else
            {
                bool isLast = s == steps.Count - 1;
                Turn turn = NewTurn(s, 0);
                Products(steps[s], turn, null, DimExpr.Zero, DimExpr.Zero, [], s == 0 ? _begun : [], isLast ? strips : []);
                if (isLast)
                {
                    _last = (steps[s], turn);
                }
                else
                {
                    Epilogue(steps[s], turn, DimExpr.Zero, turn.Rows);
                }
            }
            s++;
        }

        // Two take turns, so that the accumulators of one are read out while the next is computed.
        Turn NewTurn(int step, int part) => new((step * parts.Length) + part, accumulators[((step * parts.Length) + part) % accumulators.Length], parts[part]);

        // The panels of a step stay in the ring until all parts are through, where it holds them.
        void Step(Block[] blocks, int step, Block[]? next, DimExpr iteration, DimExpr column)
        {
            var slots = new Dictionary<WeightPanel, TileBuffer>();
            for (int p = 0; p < parts.Length; p++)
            {
                Turn turn = NewTurn(step, p);
                Products(blocks, turn, next, iteration, column, Count(blocks) <= _context.Ring.Length ? slots : [], [], []);
                Epilogue(blocks, turn, column, turn.Rows);
            }
        }
    }

    /// <summary>
    /// What is computed before an epilogue: a block of gate and one of up, or blocks of one or more linears that together have
    /// at most a column tile for each array. Blocks that leave arrays idle come last, so that they meet.
    /// </summary>
    private List<Block[]> Steps()
    {
        List<Block>[] blocks = [.. _parts.Select((p, i) => p.Geometry.Blocks().Select(b => new Block(i, b.First, b.Width, [])).ToList())];
        var steps = new List<Block[]>();
        if (_group.Gate is not null)
        {
            steps.AddRange(blocks[0].Zip(blocks[1], (gate, up) => new[] { gate, up }));
        }
        else
        {
            long arrays = _context.Chip.Matrix.Arrays;
            var open = new List<Block>();
            foreach (Block block in blocks.SelectMany(b => b).OrderBy(b => Tiles(b) < arrays))
            {
                if (open.Count > 0 && open.Sum(Tiles) + Tiles(block) > arrays)
                {
                    steps.Add([.. open]);
                    open.Clear();
                }
                open.Add(block);
            }
            if (open.Count > 0)
            {
                steps.Add([.. open]);
            }
        }
        // The stream holds the panels in this order.
        foreach (Block block in steps.SelectMany(s => s))
        {
            block.Panels.AddRange(_parts[block.Part].Geometry.Panels(_context.Builder.Program.Weights, block.First, block.Width));
        }
        return steps;
    }

    private long Tiles(Block block) => PanelProducts.Tiles(block.Width, _context);

    /// <summary>
    /// How many steps from here on are the body of a loop, and how often it runs; null where there is no loop. The first steps
    /// of a linear stay outside, so that their weights can be loaded ahead. Every iteration turns the ring around wholly, and
    /// the accumulators too.
    /// </summary>
    private (int Body, int Count)? LoopFrom(List<Block[]> steps, int start)
    {
        if (steps.Sum(Count) <= MaxPanels)
        {
            return null;
        }
        int body = 2;
        while (body * Count(steps[start]) % _context.Ring.Length != 0)
        {
            body += 2;
        }
        int alike = 1;
        while (start + alike < steps.Count && Follows(steps[start + alike - 1], steps[start + alike]))
        {
            alike++;
        }
        int count = alike / body;
        return start >= body && count >= 2 && Enumerable.Range(start, (count - 1) * body).All(i => Distance(steps[i], steps[i + body]) == Distance(steps[start], steps[start + body])) ? (body, count) : null;
    }

    private static int Count(Block[] step) => step.Sum(b => b.Panels.Count);

    /// <summary>Whether a step is its predecessor one block further.</summary>
    private static bool Follows(Block[] before, Block[] step) =>
        before.Length == step.Length && before.Zip(step).All(p => p.First.Part == p.Second.Part && p.First.Width == p.Second.Width && p.First.First + p.First.Width == p.Second.First);

    /// <summary>Bytes of the weight section between the panels of a step and those of a later one; null where they differ.</summary>
    private static long? Distance(Block[] step, Block[] later)
    {
        long[] distances = [.. step.Zip(later).SelectMany(p => p.First.Panels.Zip(p.Second.Panels, (a, b) => b.Offset - a.Offset)).Distinct()];
        return distances is [var one] ? one : null;
    }

    /// <summary>The last epilogue of some rows.</summary>
    public void End(RowStrip strip)
    {
        if (_last is var (blocks, turn))
        {
            Epilogue(blocks, turn, DimExpr.Zero, strip);
        }
        foreach (Part part in _parts)
        {
            part.Extreme?.Finish();
        }
    }

    /// <param name="next">The step of the next iteration of a loop; null outside loops.</param>
    /// <param name="column">Column of the first block of a loop's iteration.</param>
    /// <param name="slots">Where panels are that came before.</param>
    /// <param name="first">Strips that are there one after the other.</param>
    /// <param name="last">Strips that are wanted one after the other.</param>
    private void Products(Block[] blocks, Turn turn, Block[]? next, DimExpr iteration, DimExpr column, Dictionary<WeightPanel, TileBuffer> slots, RowStrip[] first, RowStrip[] last)
    {
        foreach (Block block in blocks)
        {
            _parts[block.Part].Blocks?.Begin(turn.Number, turn.Rows, block.First + column, block.Width);
        }
        DimExpr shift = next is null ? DimExpr.Zero : iteration * Distance(blocks, next)!.Value;
        BlockProduct[] products = [.. blocks.Select((b, i) => new BlockProduct(_parts[b.Part].Geometry, b.Panels, b.Width, turn.Accumulators[i], turn.Rows, shift, new DebugSource("linear", _parts[b.Part].Node)))];
        // A gate and its up come one after the other; blocks of several linears share the arrays.
        BlockProduct[][] groups = _group.Gate is null ? [products] : [.. products.Select(p => new[] { p })];
        int panels = blocks.Max(b => b.Panels.Count);
        if (first.Length > 0 && Count(blocks) <= _context.Ring.Length / 2)
        {
            // Each strip goes through all panels, which stay in the ring until the last one is through.
            foreach (RowStrip strip in first)
            {
                foreach (BlockProduct[] group in groups)
                {
                    _products!.Multiply(group, strip, slots, 0, panels);
                }
            }
            return;
        }
        for (int g = 0; g < groups.Length; g++)
        {
            // The last panel decides when a strip is done.
            bool inStrips = last.Length > 0 && g == groups.Length - 1;
            _products!.Multiply(groups[g], turn.Rows, slots, 0, inStrips ? panels - 1 : panels);
            foreach (RowStrip strip in inStrips ? last : [])
            {
                _products.Multiply(groups[g], strip, slots, panels - 1, panels);
            }
        }
    }

    /// <param name="column">Column of the first block of a loop's iteration.</param>
    private void Epilogue(Block[] blocks, Turn turn, DimExpr column, RowStrip rows)
    {
        RowStrip inPart = rows.In(turn.Rows);
        for (int i = 0; i < blocks.Length; i++)
        {
            Part part = _parts[blocks[i].Part];
            _context.SetSource("linear/epilogue", part.Node);
            DimExpr first = blocks[i].First + column;
            VectorTile sum = Sum(part, turn.Accumulators[i], inPart);
            Epilogue(part, sum, part.Blocks?.Of(turn.Number, inPart) ?? (part.Result is { } result ? rows.Of(result.Operand(first)) : sum), first, blocks[i].Width, rows);
            part.Extreme?.Add(part.Blocks?.Of(turn.Number, inPart) ?? part.Result!.Operand(first), (blocks[i].First / part.Geometry.Columns) + DimExpr.FloorDiv(column, part.Geometry.Columns), blocks[i].Width);
            part.Blocks?.Store(turn.Number, rows, inPart, first, blocks[i].Width);
        }
        if (_group.Gate is { } gate)
        {
            _context.SetSource("gated", gate.Node);
            DimExpr first = blocks[0].First + column;
            _region.Builder.Gated(((Gated)gate.Node.Op).Activation, _gatedBlocks?.Of(turn.Number, inPart) ?? rows.Of(_gated!.Operand(first)), Sum(_parts[0], turn.Accumulators[0], inPart), Sum(_parts[1], turn.Accumulators[1], inPart), rows.Rows, blocks[0].Width);
            _gatedBlocks?.Store(turn.Number, rows, inPart, first, blocks[0].Width);
        }
    }

    private static VectorTile Sum(Part part, TileBuffer accumulator, RowStrip inPart) => inPart.Of(new VectorTile(accumulator, DimExpr.Zero, part.Geometry.AccumulatorStride, ElementType.F32));

    /// <param name="sum">Where a gate takes the result from, it stays there.</param>
    /// <param name="first">First column.</param>
    private void Epilogue(Part part, VectorTile sum, VectorTile result, DimExpr first, long columns, RowStrip rows)
    {
        var steps = new List<Action<VectorTile>>();
        if (part.Bias is { } bias)
        {
            steps.Add(dst => _region.Builder.Binary(BinaryOp.Add, dst, sum, rows.Of(bias.From(first)), rows.Rows, columns));
        }
        if (part.Linear.Activation is { } activation)
        {
            steps.Add(dst => _region.Builder.Unary(activation, dst, sum, rows.Rows, columns));
        }
        if ((part.Blocks?.Residual == true ? result : part.Residual is { } whole ? rows.Of(whole.From(first)) : null) is { } residual)
        {
            steps.Add(dst => _region.Builder.Binary(BinaryOp.Add, dst, sum, residual, rows.Rows, columns));
        }
        if (steps.Count == 0 && result != sum)
        {
            steps.Add(dst => _region.Builder.Unary(UnaryOp.Copy, dst, sum, rows.Rows, columns));
        }
        // All but the last step stay in the accumulators.
        for (int i = 0; i < steps.Count; i++)
        {
            steps[i](i == steps.Count - 1 ? result : sum);
        }
    }

    /// <summary>The weights of a linear.</summary>
    public static WeightMatrix Matrix(Node node, Linear linear)
    {
        Tensor weights = node.Inputs[1].ConstantData!;
        return new(weights, node.Inputs[0].Type.Shape.Last.ConstantValue!.Value, weights.Shape[linear.Transposed ? 0 : 1], linear.Transposed ? WeightLayout.NByK : WeightLayout.KByN, linear.Weights);
    }
}
