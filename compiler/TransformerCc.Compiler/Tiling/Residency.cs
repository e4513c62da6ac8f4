using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Which values stay in ASP from the item that produces them to the last that reads them, instead of going through DRAM.
/// </summary>
/// <remarks>
/// Values that are read most often for the time that they hold memory come first; each is kept where the sum of those alive
/// stays within the budget at every item between. A value is planned with all its rows at the upper bounds of its
/// dimensions, so programs for large bounds keep nothing.
/// </remarks>
internal sealed class Residency
{
    private readonly List<(Value Root, long Bytes, int First, int Last)> _kept = [];
    private readonly long[] _live;

    private Residency(int items) => _live = new long[items];

    /// <param name="budget">Bytes of ASP that resident values may take at any time.</param>
    public static Residency Choose(TilingContext context, IReadOnlyList<TileItem> items, long budget)
    {
        var residency = new Residency(items.Count);
        var candidates = new Dictionary<Value, Candidate>();
        for (int i = 0; i < items.Count; i++)
        {
            var nodes = items[i].Nodes.ToHashSet();
            foreach (Value root in nodes.SelectMany(n => n.Inputs).Select(ValueStorage.Root).Distinct())
            {
                if (candidates.TryGetValue(root, out Candidate? read) && read.First < i)
                {
                    (read.Last, read.Reads) = (i, read.Reads + 1);
                }
            }
            foreach (Value root in nodes.SelectMany(n => n.Outputs).Where(v => ReferenceEquals(v, ValueStorage.Root(v)) && context.Storage.IsReadOutside(v, nodes)))
            {
                candidates[root] = new Candidate(root, context.Bound(root.Type.Count), context.Storage.Format(root).Size(), i);
            }
        }
        HashSet<Value> excluded = [.. context.Graph.Outputs.Select(o => ValueStorage.Root(o.Value)), .. items.SelectMany(i => i.Nodes).SelectMany(InDram).Select(ValueStorage.Root)];
        foreach (Candidate c in candidates.Values.Where(c => c.Last > c.First && c.Elements <= budget && !excluded.Contains(c.Root)).OrderByDescending(c => (double)(c.Reads + 1) / (c.Last - c.First)).ThenBy(c => c.First))
        {
            residency.TryKeep(c, budget);
        }
        residency._kept.Sort((a, b) => a.First.CompareTo(b.First));
        return residency;
    }

    /// <summary>Values that an item produces and that stay in ASP, with their sizes.</summary>
    public IEnumerable<(Value Root, long Bytes)> ProducedBy(int item) => _kept.Where(k => k.First == item).Select(k => (k.Root, k.Bytes));

    /// <summary>Bytes of resident values that are alive at an item.</summary>
    public long Live(int item) => _live[item];

    private void TryKeep(Candidate c, long budget)
    {
        long bytes = TileIR.Lines.RoundUp(long.Max(1, c.Elements * c.ElementBytes));
        Span<long> live = _live.AsSpan(c.First, c.Last - c.First + 1);
        foreach (long others in live)
        {
            if (others + bytes > budget)
            {
                return;
            }
        }
        foreach (ref long others in live)
        {
            others += bytes;
        }
        _kept.Add((c.Root, bytes, c.First, c.Last));
    }

    /// <summary>What an operator reads or writes in DRAM only.</summary>
    private static IEnumerable<Value> InDram(Node node) => node.Op switch
    {
        Gather => [node.Inputs[0]],
        DequantizeBlocks => node.Inputs,
        Scatter => [node.Output],
        _ => [],
    };

    private sealed class Candidate(Value root, long elements, int elementBytes, int first)
    {
        public Value Root => root;

        public long Elements => elements;

        public int ElementBytes => elementBytes;

        public int First => first;

        public int Last { get; set; }

        public int Reads { get; set; }
    }
}
