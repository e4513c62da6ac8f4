namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>Which of several buffers that could be placed next goes first.</summary>
internal enum PackingPreference
{
    /// <summary>The longest lived, then the largest area.</summary>
    Length,
    /// <summary>The most crowded, then the largest area, then the longest lived.</summary>
    CrowdThenArea,
    /// <summary>The most crowded, then the longest lived, then the largest area.</summary>
    CrowdThenLength,
}

/// <param name="Crowd">The most bytes that are not placed yet in any section of the buffer.</param>
internal readonly record struct PackingTraits(int Buffer, long Length, long Size, long Crowd)
{
    public Int128 Area => (Int128)Length * Size;
}

internal static class PackingPreferences
{
    /// <summary>Buffers, most preferred first; ties by the problem's order.</summary>
    public static int[] Order(PackingPreference preference, PackingTraits[] buffers)
    {
        Array.Sort(buffers, (x, y) => Compare(preference, y, x) is var c and not 0 ? c : x.Buffer.CompareTo(y.Buffer));
        return [.. buffers.Select(b => b.Buffer)];
    }

    private static int Compare(PackingPreference preference, PackingTraits x, PackingTraits y) => preference switch
    {
        PackingPreference.Length => First(x.Length.CompareTo(y.Length), x.Area.CompareTo(y.Area), x.Crowd.CompareTo(y.Crowd)),
        PackingPreference.CrowdThenArea => First(x.Crowd.CompareTo(y.Crowd), x.Area.CompareTo(y.Area), x.Length.CompareTo(y.Length)),
        _ => First(x.Crowd.CompareTo(y.Crowd), x.Length.CompareTo(y.Length), x.Area.CompareTo(y.Area)),
    };

    private static int First(int a, int b, int c) => a != 0 ? a : b != 0 ? b : c;
}
