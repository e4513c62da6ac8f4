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
    private readonly PanelProducts _products;
    private readonly Part[] _parts;
    private readonly Tile? _gated;

    /// <summary>A linear of the group, ready to be multiplied block by block.</summary>
    /// <param name="Result">Null where a gate takes it from the accumulators.</param>
    /// <param name="Extreme">Null where nobody asks for the place of a row's best element.</param>
    private sealed record Part(Node Node, Linear Linear, PanelGeometry Geometry, VectorTile? Bias, VectorTile? Residual, Tile? Result, BlockExtremes? Extreme);

    /// <summary>A block of columns of a part.</summary>
    private readonly record struct Block(int Part, long First, long Width, List<WeightPanel> Panels);

    private LinearLowering(RowRegionLowering region, LinearGroup group)
    {
        (_region, _context, _group) = (region, region.Context, group);
        (Node Node, RowForm Form) first = group.Linears[0];
        _products = new PanelProducts(_context, region.UseForMatrix(first.Node, first.Form, 0), region.Rows, region.TileRows);
        _parts = [.. group.Linears.Select(m =>
        {
            var linear = (Linear)m.Node.Op;
            VectorTile? bias = linear.HasBias ? region.Operand(m.Node, m.Form, 2) : null;
            int? residual = linear.HasResidual ? linear.HasBias ? 3 : 2 : null;
            VectorTile? added = residual is { } r ? region.Operand(m.Node, m.Form, r) : null;
            Tile? result = group.Gate is not null ? null : residual is { } over ? region.DefineOver(m.Node, m.Form, over) : region.Define(m.Node, m.Form);
            PanelGeometry geometry = PanelGeometry.Of(_context, Matrix(m.Node, linear));
            BlockExtremes? extreme = group.Extremes.TryGetValue(m.Node, out (Node Node, RowForm Form) index) ? new BlockExtremes(region, index.Node, index.Form, geometry) : null;
            return new Part(m.Node, linear, geometry, bias, added, result, extreme);
        })];
        _gated = group.Gate is { } gate ? region.Define(gate.Node, gate.Form) : null;
    }

    public static void Lower(RowRegionLowering region, LinearGroup group) => new LinearLowering(region, group).Lower();

    private void Lower()
    {
        // Two steps take turns, so that the accumulators of one are read out while the next is computed.
        List<Block[]> steps = Steps();
        TileBuffer[][] accumulators = [.. Enumerable.Range(0, int.Min(2, steps.Count)).Select(_ => Enumerable.Range(0, steps.Max(s => s.Length))
            .Select(_ => _context.Builder.Buffer($"{_group.Linears[0].Node.Output.Name}.acc", MemorySpace.Acc, _parts.Max(p => p.Geometry.AccumulatorStride) * _region.TileRows)).ToArray())];
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
                        Step(steps[i], accumulators[i % 2], steps[i + body], index, columns);
                    }
                });
                s += body * count;
                continue;
            }
            Step(steps[s], accumulators[s % accumulators.Length], null, DimExpr.Zero, 0);
            s++;
        }
        foreach (Part part in _parts)
        {
            part.Extreme?.Finish();
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

    /// <param name="next">The step of the next iteration of a loop; null outside loops.</param>
    /// <param name="columns">Columns from an iteration to the next.</param>
    private void Step(Block[] blocks, TileBuffer[] accumulators, Block[]? next, DimExpr iteration, long columns)
    {
        BlockProduct[] products = [.. blocks.Select((b, i) =>
        {
            DimExpr shift = next is null ? DimExpr.Zero : iteration * Distance(blocks, next)!.Value;
            return new BlockProduct(_parts[b.Part].Geometry, b.Panels, b.Width, accumulators[i], shift, new DebugSource("linear", _parts[b.Part].Node));
        })];
        if (_group.Gate is not null)
        {
            foreach (BlockProduct product in products)
            {
                _products.Multiply([product]);
            }
        }
        else
        {
            _products.Multiply(products);
        }
        for (int i = 0; i < blocks.Length; i++)
        {
            Part part = _parts[blocks[i].Part];
            _context.SetSource("linear/epilogue", part.Node);
            Epilogue(part, Sum(part, accumulators[i]), blocks[i].First + (iteration * columns), blocks[i].Width);
            part.Extreme?.Add(part.Result!.Operand(blocks[i].First + (iteration * columns)), (blocks[i].First / part.Geometry.Columns) + (iteration * (columns / part.Geometry.Columns)), blocks[i].Width);
        }
        if (_group.Gate is { } gate)
        {
            _context.SetSource("gated", gate.Node);
            _region.Builder.Gated(((Gated)gate.Node.Op).Activation, _gated!.Operand(blocks[0].First + (iteration * columns)), Sum(_parts[0], accumulators[0]), Sum(_parts[1], accumulators[1]), _region.Rows, blocks[0].Width);
        }
    }

    private static VectorTile Sum(Part part, TileBuffer accumulator) => new(accumulator, DimExpr.Zero, part.Geometry.AccumulatorStride, ElementType.F32);

    /// <param name="first">First column.</param>
    private void Epilogue(Part part, VectorTile sum, DimExpr first, long columns)
    {
        var steps = new List<Action<VectorTile>>();
        if (part.Bias is { } bias)
        {
            steps.Add(dst => _region.Builder.Binary(BinaryOp.Add, dst, sum, Shifted(bias, first), _region.Rows, columns));
        }
        if (part.Linear.Activation is { } activation)
        {
            steps.Add(dst => _region.Builder.Unary(activation, dst, sum, _region.Rows, columns));
        }
        if (part.Residual is { } residual)
        {
            steps.Add(dst => _region.Builder.Binary(BinaryOp.Add, dst, sum, Shifted(residual, first), _region.Rows, columns));
        }
        if (steps.Count == 0 && part.Result is not null)
        {
            steps.Add(dst => _region.Builder.Unary(UnaryOp.Copy, dst, sum, _region.Rows, columns));
        }
        // All but the last step stay in the accumulators; so does the last where a gate takes it from there.
        for (int i = 0; i < steps.Count; i++)
        {
            steps[i](i == steps.Count - 1 && part.Result is { } result ? result.Operand(first) : sum);
        }
    }

    /// <summary>The weights of a linear.</summary>
    public static WeightMatrix Matrix(Node node, Linear linear)
    {
        Tensor weights = node.Inputs[1].ConstantData!;
        return new(weights, node.Inputs[0].Type.Shape.Last.ConstantValue!.Value, weights.Shape[linear.Transposed ? 0 : 1], linear.Transposed ? WeightLayout.NByK : WeightLayout.KByN, linear.Weights);
    }

    private static VectorTile Shifted(VectorTile tile, DimExpr column) => tile with { Offset = tile.Offset + (column * tile.Format.Size()) };
}
