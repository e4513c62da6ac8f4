namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>
/// First fit by decreasing size: each buffer goes to the lowest gap that its neighbours in time leave. Ties break by
/// start, then by the problem's order, so the plan depends on nothing else.
/// </summary>
public static class FirstFitPlanner
{
    /// <summary>A solution whose peak may exceed the capacity: the caller compares.</summary>
    public static PackingSolution Solve(PackingProblem problem)
    {
        var offsets = new long[problem.Buffers.Count];
        var placed = new List<int>();
        foreach (int i in Enumerable.Range(0, offsets.Length).OrderByDescending(i => problem.Buffers[i].Size).ThenBy(i => problem.Buffers[i].Lifespan.Lower).ThenBy(i => i))
        {
            PackedBuffer buffer = problem.Buffers[i];
            long offset = 0;
            foreach (int j in placed.Where(j => problem.Buffers[j].Lifespan.Overlaps(buffer.Lifespan)).OrderBy(j => offsets[j]))
            {
                if (offsets[j] >= offset + buffer.Size)
                {
                    break;
                }
                long end = offsets[j] + problem.Buffers[j].Size;
                offset = long.Max(offset, (end + buffer.Alignment - 1) / buffer.Alignment * buffer.Alignment);
            }
            offsets[i] = offset;
            placed.Add(i);
        }
        return new PackingSolution(offsets);
    }
}
