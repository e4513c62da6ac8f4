namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>The half-open interval of steps during which a buffer holds data.</summary>
public readonly record struct Lifespan(int Lower, int Upper)
{
    public bool Overlaps(Lifespan other) => Lower < other.Upper && other.Lower < Upper;
}

/// <param name="Id">Name in diagnostics and files.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Alignment">The offset is a multiple of it.</param>
public sealed record PackedBuffer(string Id, Lifespan Lifespan, long Size, long Alignment = 64);

/// <summary>Place every buffer below the capacity so that buffers alive together do not overlap (the 2-D packing of MiniMalloc).</summary>
public sealed record PackingProblem(IReadOnlyList<PackedBuffer> Buffers, long Capacity)
{
    /// <summary>No plan needs less: the largest sum of sizes alive at one step.</summary>
    public long LivePeak()
    {
        // The peak is reached at some buffer's first step. Sizes change only at ends: sweep them, releases before starts.
        var changes = new SortedDictionary<int, long>();
        foreach (PackedBuffer b in Buffers)
        {
            if (b.Lifespan.Upper > b.Lifespan.Lower)
            {
                changes[b.Lifespan.Lower] = changes.GetValueOrDefault(b.Lifespan.Lower) + b.Size;
                changes[b.Lifespan.Upper] = changes.GetValueOrDefault(b.Lifespan.Upper) - b.Size;
            }
        }
        long live = 0, peak = 0;
        foreach (long change in changes.Values)
        {
            live += change;
            peak = long.Max(peak, live);
        }
        return peak;
    }
}

/// <summary>An offset for each buffer, in the problem's order.</summary>
public sealed record PackingSolution(IReadOnlyList<long> Offsets)
{
    public long Peak(PackingProblem problem) => problem.Buffers.Select((b, i) => Offsets[i] + b.Size).DefaultIfEmpty(0).Max();
}
