using System.Collections.Immutable;
using System.Globalization;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Lowers a graph to tiles: groups operators into regions that share a loop over rows, chooses tile sizes that the
/// chip's scratchpads hold, and builds loads, products and stores.
/// </summary>
public sealed class Tiler
{
    /// <summary>Rows of a region's largest tile.</summary>
    private const int MaxTileRows = 256;

    /// <summary>
    /// The same for a region with weights: every tile reads them again, and waits for its first rows before the arrays have
    /// anything to do.
    /// </summary>
    private const int MaxWeightTileRows = 1024;

    /// <summary>Parts of a tile that go through the same weights at most: each is code of its own.</summary>
    private const int MaxParts = 4;

    /// <summary>Tiles of so many rows and more are tried in steps of a quarter, smaller ones in halvings.</summary>
    private const int FineRows = 128;

    /// <summary>Elements of a tile whose rows are single elements.</summary>
    private const int MaxFlatRows = 8192;

    /// <summary>Halvings that operators outside regions try.</summary>
    private const int MaxShrink = 7;

    /// <summary>
    /// Values that pass between operators stay in ASP as long as those alive take no more than one part in so many of it; the
    /// tiles of operators need the rest. 0: all values pass through DRAM. It changes no bit of any result.
    /// </summary>
    public const int ResidentShare = 2;

    /// <summary>At the usual share, one part in 64 of ASP is not planned for.</summary>
    private const int SpareShare = 64 * ResidentShare;

    /// <summary>
    /// Tiles that take more than one part in so many of ASP give way to values that stay there: a smaller tile reads weights
    /// again, which the arrays hide, but each waits for its rows where they come from DRAM.
    /// </summary>
    private const int TileShare = 8;

    /// <summary>One part in so many of ASP is the least that is tried.</summary>
    private const int SmallestShare = 8;

    private readonly TilingContext _context;
    private readonly TilingSearch _search;
    private readonly bool _keepsValues;
    private readonly DiagnosticList _failures = [];
    private bool _failed;

    /// <param name="keepsValues">Whether values may stay in ASP, in the way of tiles.</param>
    private Tiler(TilingContext context, TilingSearch search, bool keepsValues) => (_context, _search, _keepsValues) = (context, search, keepsValues);

    /// <summary>
    /// Throws a <see cref="DiagnosticException"/> that lists every operator without a lowering, or every one that no tile
    /// size fits.
    /// </summary>
    /// <param name="residentShare">See <see cref="ResidentShare"/>.</param>
    /// <param name="cuts">The cuts to choose from, by name, for items that have one of them; null for all. It changes no bit of any result.</param>
    public static TileProgram Lower(Graph graph, ChipDescription chip, Precision precision, int residentShare = ResidentShare, Func<string, bool>? cuts = null) =>
        Lower(graph, LayerRuns.Find(graph), chip, precision, residentShare: residentShare, search: new TilingSearch(cuts));

    /// <inheritdoc cref="Lower(Graph, ChipDescription, Precision, int, Func{string, bool}?)"/>
    /// <param name="steps">The nodes in their order, layers as loops: the same object for all programs of a binary.</param>
    /// <param name="limits">Upper bounds below those of the graph, for a program that is planned for fewer tokens.</param>
    /// <param name="beside">A program of the same graph that the same binary holds: weights and debug table are common.</param>
    /// <param name="residentShare">See <see cref="ResidentShare"/>.</param>
    /// <param name="search">What is known of cuts already; null for nothing.</param>
    internal static TileProgram Lower(Graph graph, IReadOnlyList<LoweringStep> steps, ChipDescription chip, Precision precision, IReadOnlyDictionary<string, long>? limits = null, TileProgram? beside = null, int residentShare = ResidentShare, TilingSearch? search = null)
    {
        if (Obstacles(graph) is { HasErrors: true } obstacles)
        {
            throw new DiagnosticException(obstacles);
        }
        int debug = beside?.Debug.Count ?? 0;
        search ??= new TilingSearch();
        List<TileItem> items = Divided(NewContext(graph, steps, chip, precision, limits, null), steps, search);
        (int Share, TilingCost[] Costs)? best = null;
        for (int share = residentShare; ; share = share >= SmallestShare ? 0 : share * 2)
        {
            if (Attempt(share) is not var (context, keepsValues))
            {
                // Tiles and resident values do not fit together.
                continue;
            }
            TilingCost[]? costs = best is null && !keepsValues ? null : TilingSearch.Weigh(context.Builder.Program, TilingSearch.Sizes(graph, context.Builder.Program));
            if (best is null && (costs is null || !Array.Exists(costs, c => c.ReadsWeightsAgain(context.Builder.Program))))
            {
                return context.Builder.Program;
            }
            // Larger tiles read weights less often: where DRAM has nothing to spare they may be worth more than values that stay.
            if (best is null || (costs is not null && TilingSearch.Score(costs, best.Value.Costs) < 1 - TilingSearch.Margin))
            {
                best = (share, costs!);
            }
            if (share == 0 || !keepsValues)
            {
                return best.Value.Share == share ? context.Builder.Program : Attempt(best.Value.Share)!.Value.Context.Builder.Program;
            }
        }

        (TilingContext Context, bool Keeps)? Attempt(int share)
        {
            // What an attempt before left behind.
            beside?.Debug.RemoveRange(debug, beside.Debug.Count - debug);
            TilingContext context = NewContext(graph, steps, chip, precision, limits, beside);
            var tiler = new Tiler(context, search, keepsValues: share > 0);
            ResidentBudgets budgets = share switch
            {
                0 => new ResidentBudgets(items.Count, _ => (0, 0)),
                < SmallestShare => Budgets(NewContext(graph, steps, chip, precision, limits, null), items, share),
                _ => new ResidentBudgets(items.Count, _ => (chip.Memory.AspBytes / share, chip.Memory.AspBytes / share)),
            };
            var residency = Residency.Choose(context, items, budgets);
            tiler.Lower(items, residency);
            if (share == 0 && tiler._failures.HasErrors)
            {
                throw new DiagnosticException(tiler._failures, FailureKind.DoesNotFit);
            }
            return share > 0 && (tiler._failed || !context.Fits) ? null : (context, residency.KeepsAny);
        }
    }

    /// <param name="context">Of a program that nobody keeps.</param>
    private static List<TileItem> Divided(TilingContext context, IReadOnlyList<LoweringStep> steps, TilingSearch search)
    {
        var tiler = new Tiler(context, search, keepsValues: false);
        var division = new RegionDivision(context, region => search.Find(context, [.. region.Members.Select(m => m.Node)], tiler.Sizes(region, tiler.Largest(region), variants: true)));
        return [.. TileItem.Partition(steps, context.Storage).SelectMany(division.Divide)];
    }

    /// <summary>How many of the values that operators hand on do not stay in ASP.</summary>
    /// <inheritdoc cref="Lower(Graph, IReadOnlyList{LoweringStep}, ChipDescription, Precision, IReadOnlyDictionary{string, long}?, TileProgram?, int, TilingSearch?)"/>
    internal static int ValuesInDram(Graph graph, IReadOnlyList<LoweringStep> steps, ChipDescription chip, Precision precision, IReadOnlyDictionary<string, long> limits, int residentShare)
    {
        TilingContext context = NewContext(graph, steps, chip, precision, limits, null);
        List<TileItem> items = TileItem.Partition(steps, context.Storage);
        if (residentShare == 0)
        {
            return 0;
        }
        return Residency.Choose(context, items, Budgets(NewContext(graph, steps, chip, precision, limits, null), items, residentShare)).InDram;
    }

    /// <summary>
    /// Bytes of ASP for resident values at each item: one part in so many, or what tiles of a moderate size leave when all
    /// values pass through DRAM, if that is more.
    /// </summary>
    /// <param name="context">Of a program that nobody keeps.</param>
    private static ResidentBudgets Budgets(TilingContext context, List<TileItem> items, int share)
    {
        var tiler = new Tiler(context, new TilingSearch(), keepsValues: true);
        long asp = context.Chip.Memory.AspBytes;
        // Plans are not perfect: something stays free, the more the less the attempt before could be placed.
        long planned = asp - (asp * share / SpareShare);
        return new ResidentBudgets(items.Count, i =>
        {
            if (items[i].Run is { } run)
            {
                context.Storage.Enter(run);
            }
            (long moderate, long small) = tiler.AspPeaks(items[i]);
            context.Storage.Leave();
            return (long.Max(asp / share, planned - moderate), long.Max(asp / share, planned - small));
        });
    }

    /// <summary>Bytes of ASP that an item takes with the largest tiles that are moderate, and with the largest that take half as much; all of it where none do.</summary>
    private (long Moderate, long Small) AspPeaks(TileItem item)
    {
        long asp = _context.Chip.Memory.AspBytes, moderate = asp;
        foreach (TilingCandidate size in item.Region is { } region ? Sizes(region, Largest(region)) : Sizes(item.Nodes[0]))
        {
            TilingContext trial = Tried(size.Lower);
            if (!trial.Fits || trial.AspPeak is var peak && peak > asp / TileShare)
            {
                continue;
            }
            moderate = moderate == asp ? peak : moderate;
            if (peak <= asp / TileShare / 2)
            {
                return (moderate, peak);
            }
        }
        return (moderate, asp);
    }

    private static TilingContext NewContext(Graph graph, IReadOnlyList<LoweringStep> steps, ChipDescription chip, Precision precision, IReadOnlyDictionary<string, long>? limits, TileProgram? beside)
    {
        var program = new TileProgram { Chip = chip, Dimensions = Limited(graph.Dimensions, limits), DimensionDefaults = graph.DimensionDefaults, Weights = beside?.Weights ?? new WeightStream(), Debug = beside?.Debug ?? [new("", "", "")], Ring = beside?.Ring ?? WeightRing.Of(graph, chip, ValueStorage.MatrixFormatOf(precision)) };
        return new TilingContext(chip, graph, program, new ValueStorage(graph, precision, program, steps.Select(s => s.Run).OfType<LayerRun>()));
    }

    private static SortedDictionary<string, DimInterval> Limited(SortedDictionary<string, DimInterval> dimensions, IReadOnlyDictionary<string, long>? limits)
    {
        var limited = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal);
        foreach ((string name, DimInterval interval) in dimensions)
        {
            limited.Add(name, limits?.TryGetValue(name, out long most) == true ? new DimInterval(interval.Lower, long.Min(interval.Upper, most)) : interval);
        }
        return limited;
    }

    /// <summary>Every operator of an optimised graph that has no lowering, with the reason.</summary>
    public static DiagnosticList Obstacles(Graph graph)
    {
        var diagnostics = new DiagnosticList();
        foreach (GraphOutput output in graph.Outputs.Where(o => graph.Inputs.Exists(i => i.Name == o.Name)))
        {
            diagnostics.Add(Diagnostic.Error("TCC3011", $"an input and an output are both called '{output.Name}': the tensors of a binary have names of their own", $"output {output.Name}",
                "leave the output out: name the others with --outputs"));
        }
        foreach (Node node in graph.Nodes)
        {
            string? reason = node.Op switch
            {
                CumSum s when s.Axis != node.Output.Type.Rank - 1 => "running sums run along the last axis only",
                Softmax s when s.Axis != node.Output.Type.Rank - 1 => "softmax runs along the last axis only",
                Reduce r when RowForm.Of(node, null) is null => $"reduction over axes {r.Axes} is not over trailing axes",
                Pad when node.Inputs.Count > 1 && !node.Inputs[1].IsConstant => "the padding value is not constant",
                Linear when !node.Inputs[1].IsConstant => "its weights are computed",
                ExpertLinear when !node.Inputs[2].IsConstant => "the weights of experts are computed",
                ExpertLinear when !node.Inputs[1].Type.Shape[1].IsConstant || !node.Inputs[0].Type.Shape.Last.IsConstant => "the number of experts for a token, or their width, is dynamic",
                ExpertLinear when node.Inputs[2].ConstantData!.Count == 0 => "there are no experts",
                Conv when !node.Inputs[1].IsConstant => "the weights of a convolution are computed",
                Conv when node.Inputs[0].Type.Shape[1].ConstantValue is null => "the channels of a convolution are dynamic",
                Attention a when !ConstantHeads(a.Query, node.Inputs[0]) || !ConstantHeads(a.Value, node.Inputs[2]) => "heads or head width are dynamic",
                CachedAttention a when !ConstantHeads(a.Query, node.Inputs[0]) || !ConstantHeads(HeadLayout.BHSD, node.Inputs[2]) => "heads or head width are dynamic",
                CacheAppend a when !ConstantHeads(a.New, node.Inputs[1]) => "heads or head width are dynamic",
                CacheAppend { Circular: true } when !DimExpr.Mod(node.Output.Type.Shape[2], CacheAppend.SlotMultiple).Is(0) => $"a circular cache has a multiple of {CacheAppend.SlotMultiple} slots, this one {node.Output.Type.Shape[2]}",
                CacheAppend { Paged: true } when node.Output.Type.Shape[2].ConstantValue is not { } page || page % CacheAppend.SlotMultiple != 0 => $"a page has a constant multiple of {CacheAppend.SlotMultiple} slots, here {node.Output.Type.Shape[2]}",
                Rope when node.Output.Type.Shape.Last.ConstantValue is null => "the head width is dynamic",
                Rope when node.Output.Type.Shape.Any(d => d.ConstantValue > ushort.MaxValue) => $"heads and their width are at most {ushort.MaxValue}",
                _ => null,
            };
            if (reason is not null)
            {
                diagnostics.Add(Diagnostic.Error("TCC3010", $"{node.Op.Name} cannot be lowered: {reason}", string.Join(", ", node.Sources), "end the graph before it with --outputs"));
            }
        }
        return diagnostics;
    }

    private static bool ConstantHeads(HeadLayout layout, Value value)
    {
        (_, DimExpr heads, _, DimExpr width) = layout.Split(value.Type.Shape.AsSpan());
        return heads.IsConstant && width.IsConstant;
    }

    private void Lower(List<TileItem> items, Residency residency)
    {
        for (int i = 0; i < items.Count;)
        {
            if (items[i].Run is { } run)
            {
                int end = items.FindLastIndex(item => ReferenceEquals(item.Run, run)) + 1;
                LowerLayers(run, items, i, end, residency);
                i = end;
            }
            else
            {
                LowerItem(items, i++, residency);
            }
        }
        _context.ReservedAsp = 0;
        foreach ((Value source, DramTensor target) in _context.Storage.CopiedOutputs())
        {
            _context.Builder.SetSource("output", target.Name, "");
            MovementLowering.CopyAll(_context, source, ValuePlace.Of(target));
        }
    }

    /// <summary>One iteration of a run of layers, in a loop.</summary>
    private void LowerLayers(LayerRun run, List<TileItem> items, int first, int end, Residency residency)
    {
        (ValueStorage storage, TileBuilder builder, WeightStream weights) = (_context.Storage, _context.Builder, _context.Builder.Program.Weights);
        Keep(residency.AroundLoop(first));
        _context.ReservedAsp = residency.Live(first);
        foreach ((Value source, Value initial) in run.Carried.Where(c => run.Copied.Contains(c.Value)))
        {
            builder.SetSource("carry", source.Name, "");
            MovementLowering.CopyAll(_context, initial, storage.Place(source));
        }
        weights.Open(run.Weights);
        storage.Enter(run);
        (TileBlock body, DimExpr iteration) = (builder.Block, DimExpr.Zero);
        builder.Loop("layer", run.Count, layer =>
        {
            (body, iteration) = (builder.Block, layer);
            for (int i = first; i < end; i++)
            {
                LowerItem(items, i, residency);
            }
        });
        storage.Leave();
        weights.Close();
        // Distances between iterations are known now.
        body.Nodes.InsertRange(0, LayerPrologue.Of(body, iteration).ToArray());
    }

    private void LowerItem(List<TileItem> items, int i, Residency residency)
    {
        Keep(residency.ProducedBy(i));
        _context.ReservedAsp = residency.Live(i);
        if (items[i].Region is { } region)
        {
            LowerRegion(region);
        }
        else
        {
            LowerAlone(items[i].Nodes[0]);
        }
    }

    private void Keep(IEnumerable<(Value Value, long Bytes, Value? Over)> values)
    {
        foreach ((Value value, long bytes, Value? over) in values)
        {
            _context.Storage.Keep(value, over is null ? _context.Builder.Buffer(value.Name, MemorySpace.Asp, bytes) : _context.Storage.Resident(over)!.Buffer!);
        }
    }

    private void LowerRegion(RowRegion region)
    {
        if (Lower([.. region.Members.Select(m => m.Node)], Sizes(region, Largest(region), variants: true)))
        {
            return;
        }
        if (region.Split() is (var first, var second))
        {
            LowerRegion(first);
            LowerRegion(second);
        }
        else if (region.Flattened() is not { } flat || !Lower([.. flat.Members.Select(m => m.Node)], Sizes(flat, MaxFlatRows)))
        {
            Fail(region.Members[0].Node, context => RowRegionLowering.Lower(context, region, new RegionCut(1, 1)));
        }
    }

    private void LowerAlone(Node node)
    {
        if (!Lower([node], Sizes(node)))
        {
            Fail(node, context => LowerAlone(context, node, MaxShrink));
        }
    }

    private static void LowerAlone(TilingContext context, Node node, int shrink)
    {
        context.SetSource(node.Op.Name, node);
        switch (node.Op)
        {
            case Attention:
                AttentionLowering.Lower(context, node, shrink);
                break;
            case CacheAppend:
                CacheLowering.Append(context, node, shrink);
                break;
            case CachedAttention:
                CacheLowering.Attend(context, node, shrink);
                break;
            case MatMul:
                MatMulLowering.Lower(context, node, shrink);
                break;
            case Scatter scatter:
                ScatterLowering.Lower(context, node, scatter, shrink);
                break;
            case ExpertLinear linear:
                ExpertLowering.Lower(context, node, linear, shrink);
                break;
            case Conv:
                ConvLowering.Lower(context, node, shrink);
                break;
            default:
                if (!IndexLowering.TryLower(context, node, shrink) && !MovementLowering.TryLower(context, node))
                {
                    throw new InvalidOperationException($"{node.Op.Name} has no lowering");
                }
                break;
        }
    }

    /// <summary>With weights: as many rows as leave room for two blocks of accumulators, one of which is read out while the other fills.</summary>
    private int Largest(RowRegion region)
    {
        if (!region.Members.Exists(m => m.Node.Op is Linear))
        {
            return MaxTileRows;
        }
        long stride = LinearGroup.Of(region, _context).Values.Max(AccumulatorStride);
        return 1 << (int)long.Log2(long.Clamp(_context.Chip.Memory.AccBytes / 2 / stride, FineRows, MaxWeightTileRows));
    }

    /// <summary>Bytes of a row of what takes turns: a gate and its up are computed together.</summary>
    private long AccumulatorStride(LinearGroup group)
    {
        PanelGeometry[] geometries = [.. group.Linears.Select(m => PanelGeometry.Of(_context, LinearLowering.Matrix(m.Node, (Linear)m.Node.Op)))];
        bool takesTurns = group.Gate is not null && geometries[0].Columns < geometries[0].Weights.Columns;
        return geometries.Max(g => g.AccumulatorStride) * (takesTurns ? 2 : 1);
    }

    /// <summary>The cuts of a region, from large tiles to small; what has no more rows than a tile has one less.</summary>
    /// <param name="variants">Whether cuts that differ in more than rows are among them.</param>
    private IEnumerable<TilingCandidate> Sizes(RowRegion region, int largest, bool variants = false)
    {
        long bound = long.Max(1, _context.Bound(region.Groups()[^1].Length));
        bool blocks = variants && RowRegionLowering.CanStoreBlocks(_context, region);
        for (int rows = largest; rows >= 1; rows = Smaller(rows))
        {
            if (rows >= bound && Smaller(rows) >= bound)
            {
                continue;
            }
            var cut = new RegionCut((int)long.Min(rows, bound), largest);
            if (variants && RowRegionLowering.CanBringAhead(_context, region, rows))
            {
                yield return Candidate(cut with { BringsAhead = true }, CandidateUse.Always);
            }
            yield return Candidate(cut, CandidateUse.Always);
            if (blocks)
            {
                yield return Candidate(cut with { StoresBlocks = true }, CandidateUse.Instead);
            }
        }
        bool inParts = variants && largest < bound && RowRegionLowering.CanMultiplyInParts(_context, region);
        for (int parts = 2; inParts && parts <= MaxParts && (parts - 1) * largest < bound; parts++)
        {
            int rows = (int)long.Min(parts * largest, bound);
            foreach (RegionCut cut in parts == 2 ? [new RegionCut(rows, rows, Turns: 1), new RegionCut(rows, largest)] : (RegionCut[])[new RegionCut(rows, largest)])
            {
                yield return Candidate(cut, CandidateUse.LessWeights);
                if (blocks)
                {
                    yield return Candidate(cut with { StoresBlocks = true }, CandidateUse.LessWeights);
                }
            }
        }

        static int Smaller(int rows) => int.PopCount(rows) > 1 ? rows * 2 / 3 : rows > FineRows ? rows * 3 / 4 : rows / 2;

        TilingCandidate Candidate(RegionCut cut, CandidateUse use) => new(cut.ToString(), context => RowRegionLowering.Lower(context, region, cut), use);
    }

    /// <inheritdoc cref="Sizes(RowRegion, int, bool)"/>
    /// <remarks>
    /// Blocks of keys decide bits, which are the same for all programs of a binary: values that one of them keeps give way
    /// before blocks do.
    /// </remarks>
    private IEnumerable<TilingCandidate> Sizes(Node node) =>
        Enumerable.Range(0, 1 + (node.Op is Attention && _keepsValues ? AttentionLowering.QueryShrink : MaxShrink)).Select(shrink => new TilingCandidate(string.Create(CultureInfo.InvariantCulture, $"tile / {1 << shrink}"), context => LowerAlone(context, node, shrink),
            node.Op is Attention && shrink > AttentionLowering.QueryShrink ? CandidateUse.LastResort : CandidateUse.Always));

    private bool Lower(IReadOnlyList<Node> nodes, IEnumerable<TilingCandidate> candidates)
    {
        if (_search.Lower(_context, nodes, candidates) is not { } choice)
        {
            return false;
        }
        _context.Builder.Program.Choices.Add(choice);
        return true;
    }

    private TilingContext Tried(Action<TilingContext> lower)
    {
        TilingContext trial = _context.Trial();
        lower(trial);
        return trial;
    }

    /// <summary>Records why the smallest tiles do not fit, with the node and the buffers.</summary>
    private void Fail(Node node, Action<TilingContext> lower)
    {
        _failed = true;
        TilingContext trial = _context.Trial();
        lower(trial);
        try
        {
            MemoryPlanner.Place(trial.Builder.Program, _context.Chip);
        }
        catch (DiagnosticException e)
        {
            _failures.AddRange(e.Diagnostics.Select(d => d with { Location = $"{node.Op.Name} {string.Join(", ", node.Sources)}" }));
        }
    }
}
