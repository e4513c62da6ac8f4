using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Binding;

namespace TransformerCc.Runtime.Checking;

/// <summary>
/// Sizes at which an entry point is tried: all dimensions at their least, middle (odd, to leave ragged tiles) and most, and
/// each alone away from the least; caches empty, and filled up to the run's own positions.
/// </summary>
internal static class SampleSizes
{
    /// <returns>Values of every dimension, and of the inputs that count the positions of caches.</returns>
    public static IEnumerable<IReadOnlyDictionary<string, long>> Of(ProgramImage image, EntryPoint entry)
    {
        (string Name, long[] Values)[] free = [.. image.Dimensions.Where(d => d.Lower < d.Upper).Select(d => (d.Name, Values(d, entry)))];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (int[] choice in Choices(free.Length))
        {
            Dictionary<string, long> sizes = new(StringComparer.Ordinal);
            for (int i = 0; i < free.Length; i++)
            {
                sizes[free[i].Name] = free[i].Values[choice[i]];
            }
            foreach (Dictionary<string, long> tried in WithPast(image, sizes))
            {
                if (seen.Add(Text(tried)))
                {
                    yield return tried;
                }
            }
        }
    }

    public static string Text(IReadOnlyDictionary<string, long> sizes) =>
        sizes.Count == 0 ? "fixed sizes" : string.Join(", ", sizes.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => FormattableString.Invariant($"{s.Key}={s.Value}")));

    private static long[] Values(DimensionSymbol d, EntryPoint entry)
    {
        long upper = entry.Limits.Where(l => l.Dimension == d.Name).Select(l => l.Upper).Append(d.Upper).Min(), lower = long.Min(long.Max(d.Lower, 1), upper);
        return [lower, long.Min(upper, (lower + ((upper - lower) / 2)) | 1), upper];
    }

    private static IEnumerable<int[]> Choices(int count)
    {
        for (int value = 0; value < 3; value++)
        {
            yield return [.. Enumerable.Repeat(value, count)];
        }
        for (int i = 0; i < count; i++)
        {
            for (int value = 1; value < 3; value++)
            {
                var one = new int[count];
                one[i] = value;
                yield return one;
            }
        }
    }

    private static IEnumerable<Dictionary<string, long>> WithPast(ProgramImage image, Dictionary<string, long> sizes)
    {
        TensorSymbol[] states = [.. image.Tensors.Where(t => t.State is not null)];
        if (states.Length == 0)
        {
            yield return sizes;
            yield break;
        }
        // A run has no more positions than its caches have room for.
        Dictionary<string, long> values = DimensionBinder.BindGiven(image, sizes);
        long room = states.Min(s => DimensionBinder.Evaluate(s.State!.Positions ?? s.Shape[StateDescription.SlotAxis], values, s.Name) - DimensionBinder.Evaluate(s.State.Length, values, s.Name));
        foreach (long past in room < 0 ? [] : (long[])[0, room])
        {
            Dictionary<string, long> tried = new(sizes, StringComparer.Ordinal);
            foreach (string name in states.Select(s => s.State!.Past).Distinct())
            {
                tried[name] = past;
            }
            yield return tried;
        }
    }
}
