namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Makes a failing list of choices shorter and smaller, greedily, as long as it fails in the same way.</summary>
internal static class ChoiceShrinker
{
    /// <summary>Trials of one case: some minutes of small models.</summary>
    private const int MaximumTrials = 400;

    /// <param name="fails">Whether a list still shows the failure, with the list as it was read.</param>
    public static IReadOnlyList<int> Shrink(IReadOnlyList<int> choices, Func<IReadOnlyList<int>, IReadOnlyList<int>?> fails)
    {
        int trials = 0;
        for (bool smaller = true; smaller && trials < MaximumTrials;)
        {
            smaller = false;
            for (int run = 16; run >= 1; run /= 2)
            {
                for (int i = choices.Count - run; i >= 0 && trials < MaximumTrials; i -= run)
                {
                    smaller |= Try([.. choices.Take(i), .. choices.Skip(i + run)]);
                }
            }
            for (int i = 0; i < choices.Count && trials < MaximumTrials; i++)
            {
                int value = choices[i];
                smaller |= value > 0 && (Try(With(i, 0)) || (value > 2 && Try(With(i, value / 2))) || Try(With(i, value - 1)));
            }
        }
        return choices;

        IReadOnlyList<int> With(int index, int value) => [.. choices.Take(index), value, .. choices.Skip(index + 1)];

        bool Try(IReadOnlyList<int> candidate)
        {
            trials++;
            if (fails(candidate) is not { } made || !IsSimpler(made, choices))
            {
                return false;
            }
            choices = made;
            return true;
        }
    }

    /// <summary>Shorter, or of the same length and smaller where they first differ: an order without cycles.</summary>
    private static bool IsSimpler(IReadOnlyList<int> a, IReadOnlyList<int> b) =>
        a.Count != b.Count ? a.Count < b.Count : a.Zip(b).FirstOrDefault(p => p.First != p.Second) is var (x, y) && x < y;
}
