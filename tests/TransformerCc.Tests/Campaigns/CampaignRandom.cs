namespace TransformerCc.Tests.Campaigns;

/// <summary>SplitMix64 (Steele, Lea and Flood 2014): a seed gives the same mutant on every system and every version of .NET.</summary>
internal sealed class CampaignRandom(ulong seed)
{
    private ulong _state = seed * 0x9E3779B97F4A7C15;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number in [0, below).</summary>
    public int Below(int below) => (int)(Next() % (ulong)below);

    public bool OneIn(int n) => Below(n) == 0;

    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];
}
