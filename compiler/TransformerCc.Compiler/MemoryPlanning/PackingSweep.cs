namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>A half-open range of sections.</summary>
internal readonly record struct SectionRange(int Lower, int Upper)
{
    public bool Overlaps(SectionRange other) => Lower < other.Upper && other.Lower < Upper;
}

/// <summary>
/// The time axis of a problem cut into sections: stretches during which as many buffers live as ever do around them. Buffers
/// that live at no step, or take no bytes, lie in no section and go to offset 0.
/// </summary>
internal sealed class PackingSweep
{
    public PackingSweep(PackingProblem problem)
    {
        int count = problem.Buffers.Count;
        var starts = new SortedSet<int>();
        var ends = new SortedSet<int>();
        foreach (PackedBuffer b in problem.Buffers.Where(Exists))
        {
            starts.Add(b.Lifespan.Lower);
            ends.Add(b.Lifespan.Upper);
        }
        // A stretch matters where something starts and something ends before the next start: all others hold a part of
        // what one of these holds. It is named by its last start.
        int[] sections = [.. starts.Where(start => ends.GetViewBetween(start + 1, int.MaxValue) is { Count: > 0 } later && (starts.GetViewBetween(start + 1, int.MaxValue) is not { Count: > 0 } next || later.Min <= next.Min))];
        Sections = sections.Length;
        Ranges = new SectionRange[count];
        var members = new List<int>[Sections];
        for (int s = 0; s < Sections; s++)
        {
            members[s] = [];
        }
        for (int b = 0; b < count; b++)
        {
            if (!Exists(problem.Buffers[b]))
            {
                continue;
            }
            Ranges[b] = new SectionRange(FirstFrom(sections, problem.Buffers[b].Lifespan.Lower), FirstFrom(sections, problem.Buffers[b].Lifespan.Upper));
            for (int s = Ranges[b].Lower; s < Ranges[b].Upper; s++)
            {
                members[s].Add(b);
            }
        }
        Members = [.. members.Select(m => m.ToArray())];
        Overlaps = [.. Enumerable.Range(0, count).Select(b => Neighbours(b))];
    }

    public int Sections { get; }

    /// <summary>Of each buffer; empty for one that takes no room.</summary>
    public SectionRange[] Ranges { get; }

    /// <summary>The buffers of each section, in the problem's order.</summary>
    public int[][] Members { get; }

    /// <summary>For each buffer, those it shares a section with.</summary>
    public int[][] Overlaps { get; }

    private static bool Exists(PackedBuffer b) => b.Size > 0 && b.Lifespan.Upper > b.Lifespan.Lower;

    private static int FirstFrom(int[] sections, int time) => Array.BinarySearch(sections, time) is var at && at >= 0 ? at : ~at;

    private int[] Neighbours(int buffer)
    {
        var neighbours = new SortedSet<int>();
        for (int s = Ranges[buffer].Lower; s < Ranges[buffer].Upper; s++)
        {
            neighbours.UnionWith(Members[s]);
        }
        neighbours.Remove(buffer);
        return [.. neighbours];
    }
}
