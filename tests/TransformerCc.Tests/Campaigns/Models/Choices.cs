namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>
/// The decisions of a generator as a list of small numbers, drawn from a seed or read back from a list. 0 is always the
/// simplest choice and stands where a list has ended, so that a shorter list with smaller numbers is a simpler case, and
/// one shrinker serves every generator (MacIver and Donaldson, Test-Case Reduction via Test-Case Generation, ECOOP 2020).
/// </summary>
internal sealed class Choices
{
    private readonly CampaignRandom? _random;
    private readonly IReadOnlyList<int> _given;
    private readonly List<int> _made = [];

    public Choices(ulong seed) => (_random, _given) = (new CampaignRandom(seed), []);

    public Choices(IReadOnlyList<int> given) => _given = given;

    public IReadOnlyList<int> Made => _made;

    /// <summary>A number in [0, below).</summary>
    public int Below(int below)
    {
        int choice = _random?.Below(below) ?? (_made.Count < _given.Count ? int.Min(_given[_made.Count], below - 1) : 0);
        _made.Add(choice);
        return choice;
    }

    /// <summary>True once in <paramref name="n"/>; false is simpler.</summary>
    public bool OneIn(int n) => Below(n) == n - 1;

    /// <summary>One of several, the simplest first.</summary>
    public T Pick<T>(params ReadOnlySpan<T> items) => items[Below(items.Length)];
}
