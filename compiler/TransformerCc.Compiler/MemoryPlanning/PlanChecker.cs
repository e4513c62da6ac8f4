using TransformerCc.Isa;

namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>
/// Proves a plan without knowing how it was made: every buffer inside the capacity and aligned, no two that live
/// together overlap. A sweep over the steps with an ordered set of occupied intervals, shared with no planner.
/// </summary>
public static class PlanChecker
{
    public static DiagnosticList Check(PackingProblem problem, PackingSolution solution, string memory)
    {
        var diagnostics = new DiagnosticList();
        if (solution.Offsets.Count != problem.Buffers.Count)
        {
            diagnostics.Add(Diagnostic.Error("TCC3101", $"the {memory} plan places {solution.Offsets.Count} of {problem.Buffers.Count} buffers"));
            return diagnostics;
        }
        var events = new List<(int Step, bool Starts, int Index)>();
        for (int i = 0; i < problem.Buffers.Count; i++)
        {
            PackedBuffer b = problem.Buffers[i];
            long offset = solution.Offsets[i];
            if (offset < 0 || offset + b.Size > problem.Capacity)
            {
                diagnostics.Add(Diagnostic.Error("TCC3102", $"{memory} buffer {b.Id} at {offset} with {b.Size} bytes ends beyond the capacity of {problem.Capacity}"));
            }
            if (offset % b.Alignment != 0)
            {
                diagnostics.Add(Diagnostic.Error("TCC3103", $"{memory} buffer {b.Id} at {offset} is not aligned to {b.Alignment}"));
            }
            if (b.Lifespan.Upper > b.Lifespan.Lower && b.Size > 0)
            {
                events.Add((b.Lifespan.Lower, true, i));
                events.Add((b.Lifespan.Upper, false, i));
            }
        }
        // Ends come before starts of the same step: intervals are half-open.
        events.Sort((x, y) => x.Step != y.Step ? x.Step.CompareTo(y.Step) : x.Starts != y.Starts ? x.Starts.CompareTo(y.Starts) : x.Index.CompareTo(y.Index));
        var live = new SortedSet<(long Offset, int Index)>();
        foreach ((_, bool starts, int i) in events)
        {
            (long, int) key = (solution.Offsets[i], i);
            if (!starts)
            {
                live.Remove(key);
                continue;
            }
            long end = solution.Offsets[i] + problem.Buffers[i].Size;
            foreach ((long offset, int j) in live.GetViewBetween((long.MinValue, 0), (end - 1, int.MaxValue)))
            {
                if (offset + problem.Buffers[j].Size > solution.Offsets[i])
                {
                    diagnostics.Add(Diagnostic.Error("TCC3104", $"{memory} buffers {problem.Buffers[i].Id} and {problem.Buffers[j].Id} overlap while both are alive"));
                }
            }
            live.Add(key);
        }
        return diagnostics;
    }
}
