using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Scheduling;

/// <summary>
/// Vector clocks over the items of a block: for each engine, the last item of every other engine that is known to have
/// ended before the engine's next item starts.
/// </summary>
internal sealed class ItemClocks
{
    private readonly int[][] _known;
    private readonly int[][] _ends;
    /// <summary>The clocks of the iteration before, when this is a second one; its items then count as lower than any of ours.</summary>
    private readonly ItemClocks? _previous;
    private readonly int[][] _knownPrevious;

    public ItemClocks(int items) : this(items, null)
    {
    }

    private ItemClocks(int items, ItemClocks? previous)
    {
        _known = Filled();
        _ends = new int[items][];
        _previous = previous;
        _knownPrevious = previous is null ? Filled() : [.. previous._known.Select(k => (int[])k.Clone())];
        _previousEnds = new int[items][];
    }

    private readonly int[][] _previousEnds;

    private static int[][] Filled() => [.. Enumerable.Range(0, Engines.Count).Select(_ => Enumerable.Repeat(-1, Engines.Count).ToArray())];

    /// <summary>The next iteration of the same items: every engine knows what it knew at the end of this one.</summary>
    public ItemClocks NextIteration() => new(_ends.Length, this);

    /// <summary>Starts an item that needs, per engine, an item of this iteration; returns those that need a channel.</summary>
    public List<int> Start(Engine engine, int[] needs)
    {
        var channels = new List<int>();
        // Latest first: its clock often covers the others.
        foreach (int need in needs.Where(n => n >= 0).OrderDescending())
        {
            int from = Array.IndexOf(needs, need);
            if (_known[(int)engine][from] < need)
            {
                channels.Add(need);
                Merge(_known[(int)engine], _ends[need]);
            }
        }
        return channels;
    }

    /// <summary>Takes over what given items of this iteration know.</summary>
    public void Know(Engine engine, List<int> items)
    {
        foreach (int i in items)
        {
            Merge(_known[(int)engine], _ends[i]);
            Merge(_knownPrevious[(int)engine], _previousEnds[i]);
        }
    }

    /// <summary>Like <see cref="Start"/> for needs on items of the previous iteration.</summary>
    public List<int> StartAfterPrevious(Engine engine, int[] needs)
    {
        var channels = new List<int>();
        foreach (int need in needs.Where(n => n >= 0).OrderDescending())
        {
            int from = Array.IndexOf(needs, need);
            if (_knownPrevious[(int)engine][from] < need)
            {
                channels.Add(need);
                Merge(_knownPrevious[(int)engine], _previous!._ends[need]);
            }
        }
        return channels;
    }

    public void End(Engine engine, int item)
    {
        _known[(int)engine][(int)engine] = item;
        _ends[item] = (int[])_known[(int)engine].Clone();
        _previousEnds[item] = (int[])_knownPrevious[(int)engine].Clone();
    }

    private static void Merge(int[] into, int[] from)
    {
        for (int e = 0; e < into.Length; e++)
        {
            into[e] = int.Max(into[e], from[e]);
        }
    }
}
