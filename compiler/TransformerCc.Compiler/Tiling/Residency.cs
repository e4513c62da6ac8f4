using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Which values stay in ASP from the item that produces them to the last that reads them, instead of going through DRAM.
/// </summary>
/// <remarks>
/// Values that save the most bytes of DRAM traffic come first; each is kept where the sum of those alive stays within the
/// budget of every item between. A value is planned with all its rows at the upper bounds of its
/// dimensions, so programs for large bounds keep nothing. Last come results of attentions over the queries' place: each tile
/// writes where it alone has read.
/// </remarks>
internal sealed class Residency
{
    private readonly List<Candidate> _kept = [];
    private readonly long[] _live;

    private Residency(int items) => _live = new long[items];

    public static Residency Choose(TilingContext context, IReadOnlyList<TileItem> items, ResidentBudgets budgets)
    {
        var residency = new Residency(items.Count);
        var excluded = context.Graph.Outputs.Select(o => context.Storage.Holder(o.Value)).ToHashSet();
        Candidate[] candidates = [.. Candidates(context, items, excluded).Where(c => c.Last > c.First && !excluded.Contains(c.Root))];
        foreach (Candidate c in candidates.Where(c => c.Size <= context.Chip.Memory.AspBytes).OrderByDescending(c => (double)(c.Reads + 1) * c.Elements * c.ElementBytes).ThenBy(c => c.First))
        {
            residency.TryKeep(c, budgets.Of);
        }
        foreach ((Candidate queries, Candidate result) in OverQueries(context, items, candidates).Where(c => c.Queries.Size <= context.Chip.Memory.AspBytes))
        {
            residency.TryKeepOver(queries, result, budgets.Most);
        }
        residency._kept.Sort((a, b) => a.First.CompareTo(b.First));
        residency.InDram = candidates.Length - residency._kept.Count;
        return residency;
    }

    /// <summary>Values that an item produces and that stay in ASP, with their sizes, or with the value whose place they take.</summary>
    public IEnumerable<(Value Root, long Bytes, Value? Over)> ProducedBy(int item) => _kept.Where(k => k.First == item && !k.IsAroundLoop).Select(k => (k.Root, k.Bytes, k.Over?.Root));

    /// <summary>Those that outlive the iterations of the loop that begins with an item.</summary>
    public IEnumerable<(Value Root, long Bytes, Value? Over)> AroundLoop(int first) => _kept.Where(k => k.First == first && k.IsAroundLoop).Select(k => (k.Root, k.Bytes, k.Over?.Root));

    public bool KeepsAny => _kept.Count > 0;

    /// <summary>Values that could stay in ASP but for their size.</summary>
    public int InDram { get; private set; }

    /// <summary>Bytes of resident values that are alive at an item.</summary>
    public long Live(int item) => _live[item];

    /// <summary>Every value that one item produces and another reads, in the order of production.</summary>
    /// <param name="excluded">Gets those that an operator reads or writes in DRAM only.</param>
    private static List<Candidate> Candidates(TilingContext context, IReadOnlyList<TileItem> items, HashSet<Value> excluded)
    {
        ValueStorage storage = context.Storage;
        var candidates = new Dictionary<Value, Candidate>();
        var order = new List<Candidate>();
        for (int i = 0; i < items.Count; i++)
        {
            LayerRun? run = items[i].Run;
            (int start, int end) = (i, i);
            if (run is not null)
            {
                start = Enumerable.Range(0, items.Count).First(k => ReferenceEquals(items[k].Run, run));
                end = start + items.Count(item => ReferenceEquals(item.Run, run)) - 1;
                storage.Enter(run);
            }
            var nodes = items[i].Nodes.ToHashSet();
            foreach (Value root in nodes.SelectMany(n => n.Inputs.Concat(CacheLowering.HiddenReads(n))).Select(storage.Holder).Distinct())
            {
                if (candidates.TryGetValue(root, out Candidate? read) && (read.First < i || read.IsAroundLoop))
                {
                    read.ReadAt(i, start, end, run, Reads(context, items[i].Nodes, root));
                }
            }
            foreach (Value value in nodes.SelectMany(n => n.Outputs).Where(v => ReferenceEquals(v, ValueStorage.Root(v)) && storage.IsReadOutside(v, nodes)))
            {
                Value root = storage.Holder(value);
                if (root.Producer is not null && !candidates.ContainsKey(root))
                {
                    candidates[root] = new Candidate(root, context.Bound(root.Type.Count), storage.Format(root).Size(), i, run) { Start = start };
                    order.Add(candidates[root]);
                }
                if (run is not null && storage.IsCarried(value))
                {
                    candidates[root].Carry(start, end, run);
                    if (items[i].Nodes.Any(n => n.Outputs.Contains(value) && !InPlace(n, root, storage)))
                    {
                        excluded.Add(root);
                    }
                }
            }
            excluded.UnionWith(nodes.SelectMany(OnlyInDram).Select(storage.Holder));
            storage.Leave();
        }
        return order;
    }

    /// <summary>Keys and values are read for every tile of queries, everything else once.</summary>
    private static long Reads(TilingContext context, IReadOnlyList<Node> nodes, Value value) =>
        nodes is [{ Op: Attention attention } node] && node.Inputs.Skip(1).Take(2).Any(v => ReferenceEquals(context.Storage.Holder(v), value))
            ? long.Max(1, context.Bound(attention.Query.Split(node.Inputs[0].Type.Shape.AsSpan()).Sequence) / AttentionGeometry.MaxRows)
            : 1;

    /// <summary>Whether a node may write the place that it reads: element by element it does.</summary>
    private static bool InPlace(Node node, Value place, ValueStorage storage) => node.Op switch
    {
        Unary or Binary or Gated or Cast => true,
        Linear linear => node.Inputs.Take(linear.HasResidual ? node.Inputs.Count - 1 : node.Inputs.Count).All(v => !ReferenceEquals(storage.Holder(v), place)),
        _ => node.Inputs.TrueForAll(v => !ReferenceEquals(storage.Holder(v), place)),
    };

    private void TryKeep(Candidate c, Func<int, long> budgets)
    {
        if (TryReserve(c, c.Last, budgets))
        {
            _kept.Add(c);
        }
    }

    /// <summary>Keeps queries, and the result of the attention that reads them last in their place.</summary>
    private void TryKeepOver(Candidate queries, Candidate result, Func<int, long> budgets)
    {
        if (!_kept.Contains(queries) && !_kept.Contains(result) && TryReserve(queries, result.Last, budgets))
        {
            (result.Bytes, result.Over) = (queries.Bytes, queries);
            _kept.Add(queries);
            _kept.Add(result);
        }
    }

    private bool TryReserve(Candidate c, int last, Func<int, long> budgets)
    {
        for (int i = c.First; i <= last; i++)
        {
            if (_live[i] + c.Size > budgets(i))
            {
                return false;
            }
        }
        for (int i = c.First; i <= last; i++)
        {
            _live[i] += c.Size;
        }
        c.Bytes = c.Size;
        return true;
    }

    /// <summary>Queries that nothing reads after an attention, and its result, where that is laid out like them.</summary>
    private static IEnumerable<(Candidate Queries, Candidate Result)> OverQueries(TilingContext context, IReadOnlyList<TileItem> items, Candidate[] candidates)
    {
        var byRoot = candidates.ToDictionary(c => c.Root);
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Nodes is [{ Op: Attention attention } node] && attention.Query == attention.Result && node.Inputs[0].Type.Shape == node.Output.Type.Shape
                && byRoot.GetValueOrDefault(context.Storage.Holder(node.Inputs[0])) is { IsAroundLoop: false } queries && queries.Last == i
                && byRoot.GetValueOrDefault(context.Storage.Holder(node.Output)) is { IsAroundLoop: false } result && result.First == i && ReferenceEquals(queries.Run, result.Run)
                && queries.ElementBytes == result.ElementBytes && context.Storage.Format(queries.Root) == context.Storage.Format(result.Root)
                && !node.Inputs.Skip(1).Any(v => ReferenceEquals(context.Storage.Holder(v), queries.Root)))
            {
                yield return (queries, result);
            }
        }
    }

    /// <summary>What an operator reads or writes in DRAM only.</summary>
    private static IEnumerable<Value> OnlyInDram(Node node) => node.Op switch
    {
        Gather => [node.Inputs[0]],
        DequantizeBlocks => node.Inputs,
        Scatter => [node.Output],
        _ => [],
    };

    private sealed class Candidate(Value root, long elements, int elementBytes, int first, LayerRun? run)
    {
        public Value Root => root;

        public long Elements => elements;

        public int ElementBytes => elementBytes;

        /// <summary>Bytes that it would take.</summary>
        public long Size => TileIR.Lines.RoundUp(long.Max(1, elements * elementBytes));

        /// <summary>The item that produces it, or the first of the loop that it outlives.</summary>
        public int First { get; private set; } = first;

        public int Last { get; private set; } = first;

        public long Reads { get; private set; }

        public long Bytes { get; set; }

        public LayerRun? Run => run;

        /// <summary>The value whose place it takes.</summary>
        public Candidate? Over { get; set; }

        /// <summary>The first item of the loop that produces it.</summary>
        public required int Start { get; init; }

        /// <summary>It is produced in a loop and outlives an iteration.</summary>
        public bool IsAroundLoop { get; private set; }

        /// <param name="start">First item of the loop that reads it, or the reader.</param>
        /// <param name="end">Its last item.</param>
        /// <param name="times">How often it is read as a whole.</param>
        public void ReadAt(int item, int start, int end, LayerRun? reader, long times)
        {
            Reads += times;
            if (ReferenceEquals(reader, run) && !IsAroundLoop)
            {
                Last = int.Max(Last, item);
                return;
            }
            // A loop reads it in every iteration.
            Last = int.Max(Last, end);
            if (run is not null && start > Start)
            {
                (First, IsAroundLoop) = (Start, true);
            }
        }

        /// <summary>A loop overwrites it in every iteration.</summary>
        public void Carry(int start, int end, LayerRun? loop)
        {
            Last = int.Max(Last, end);
            if (ReferenceEquals(loop, run))
            {
                (First, IsAroundLoop) = (start, true);
            }
        }
    }
}
