namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>
/// A plan for engines that run side by side. The tightest plan gives a buffer the place of one that has just been left, and
/// whoever fills it waits for the last reader of the other. Where the memory has room, buffers that share bytes lie far apart
/// in time: accumulators of the next block are elsewhere than those that are still being read out.
/// </summary>
/// <remarks>
/// By decreasing size, as <see cref="FirstFitPlanner"/>; of the places that a buffer's neighbours in time leave it, it takes the
/// one whose nearest user before or after, or in the next round of a loop, is the furthest in steps, the lowest of those as far.
/// </remarks>
public sealed class SpreadPlanner
{
    /// <summary>
    /// Distances in steps beyond which one place is as good as another; less is asked for where large buffers that lie far
    /// apart leave no gap for small ones.
    /// </summary>
    private static readonly int[] s_far = [64, 16, 8];

    /// <summary>The search is cubic in the number of buffers.</summary>
    private const int MaxBuffers = 400;

    private readonly PackingProblem _problem;
    private readonly long[] _offsets;
    private readonly List<int> _placed = [];

    /// <summary>Steps between the lifespans of each pair of buffers.</summary>
    private readonly int[,] _distances;

    private SpreadPlanner(PackingProblem problem, int[,] distances) => (_problem, _offsets, _distances) = (problem, new long[problem.Buffers.Count], distances);

    /// <summary>A plan within the capacity; null where none is found.</summary>
    /// <param name="loops">The steps of each loop: its first steps come again after its last ones.</param>
    public static PackingSolution? Solve(PackingProblem problem, IReadOnlyList<Lifespan> loops)
    {
        if (problem.Buffers.Count > MaxBuffers || problem.LivePeak() > problem.Capacity)
        {
            return null;
        }
        int count = problem.Buffers.Count;
        var distances = new int[count, count];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                distances[i, j] = distances[j, i] = Distance(problem.Buffers[i].Lifespan, problem.Buffers[j].Lifespan, loops);
            }
        }
        return s_far.Select(far => new SpreadPlanner(problem, distances).Solve(far)).FirstOrDefault(s => s is not null);
    }

    private PackingSolution? Solve(int far)
    {
        foreach (int i in Enumerable.Range(0, _offsets.Length).OrderByDescending(i => _problem.Buffers[i].Size).ThenBy(i => _problem.Buffers[i].Lifespan.Lower).ThenBy(i => i))
        {
            if (Place(i, far) is not { } offset)
            {
                return null;
            }
            _offsets[i] = offset;
            _placed.Add(i);
        }
        return new PackingSolution(_offsets);
    }

    /// <summary>The best place for a buffer: the bottom of the memory, or the end of a placed one.</summary>
    private long? Place(int i, int far)
    {
        PackedBuffer buffer = _problem.Buffers[i];
        (long? best, int bestDistance) = (null, -1);
        foreach (long candidate in _placed.Select(j => Aligned(_offsets[j] + _problem.Buffers[j].Size, buffer.Alignment)).Append(0).Distinct().Order())
        {
            if (candidate + buffer.Size > _problem.Capacity || bestDistance == far)
            {
                break;
            }
            int distance = far;
            for (int k = 0; k < _placed.Count && distance > bestDistance; k++)
            {
                int j = _placed[k];
                if (_offsets[j] < candidate + buffer.Size && candidate < _offsets[j] + _problem.Buffers[j].Size)
                {
                    distance = int.Min(distance, _distances[i, j]);
                }
            }
            if (distance > bestDistance)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }
        return best;
    }

    /// <summary>Steps between two lifespans, also from the end of one around a loop to the other; −1 where they overlap.</summary>
    private static int Distance(Lifespan a, Lifespan b, IReadOnlyList<Lifespan> loops)
    {
        if (a.Overlaps(b))
        {
            return -1;
        }
        (Lifespan first, Lifespan second) = a.Lower < b.Lower ? (a, b) : (b, a);
        int distance = second.Lower - first.Upper;
        foreach (Lifespan loop in loops)
        {
            if (loop.Lower <= first.Lower && second.Upper <= loop.Upper)
            {
                distance = int.Min(distance, first.Lower - loop.Lower + loop.Upper - second.Upper);
            }
        }
        return distance;
    }

    private static long Aligned(long offset, long alignment) => (offset + alignment - 1) / alignment * alignment;
}
