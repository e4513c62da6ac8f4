using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TransformerCc.Tests.Campaigns.Mutations;

internal enum Verdict
{
    /// <summary>Both accept and compute the same.</summary>
    Agree,

    /// <summary>Both accept and compute something else: never right.</summary>
    Differ,

    /// <summary>Both accept and compute something else, where we said what was assumed.</summary>
    DifferSaid,

    /// <summary>Both accept and compute something else, where <see cref="OpenMeanings"/> has the reason.</summary>
    Open,

    /// <summary>ONNX Runtime accepts, we refuse.</summary>
    OnlyTheirs,

    /// <summary>We accept and say what was assumed; ONNX Runtime refuses.</summary>
    OnlyOursSaid,

    /// <summary>We accept; ONNX Runtime has no kernel for it, which is no statement about the model.</summary>
    Unimplemented,

    /// <summary>We accept without a word; ONNX Runtime refuses.</summary>
    OnlyOurs,

    /// <summary>Both refuse.</summary>
    Neither,

    /// <summary>The results of ONNX Runtime cannot be read.</summary>
    Incomparable,

    /// <summary>An exception of ours, not a diagnostic.</summary>
    Defect,

    /// <summary>The chip computes something else than the reference.</summary>
    ChipDiffers,
}

/// <summary>Verdicts by operator and change, with seeds to repeat some of each.</summary>
internal sealed partial class MutationTally
{
    private const int SeedsKept = 4;
    private const int ReasonLength = 200;

    private readonly SortedDictionary<(string Operator, string Kind, string Subject), int[]> _changes = [];
    private readonly SortedDictionary<(Verdict Verdict, string Operator, string Change, string Reason), (int Count, string Example, List<ulong> Seeds)> _reasons = [];

    public void Add(Mutant mutant, ulong seed, Verdict verdict, string reason)
    {
        foreach (Mutation mutation in mutant.Mutations)
        {
            (string, string, string) key = (mutant.Operator, mutation.Kind, mutation.Subject);
            if (!_changes.TryGetValue(key, out int[]? counts))
            {
                _changes.Add(key, counts = new int[Enum.GetValues<Verdict>().Length]);
            }
            counts[(int)verdict]++;
        }
        if (verdict is Verdict.Agree or Verdict.Neither)
        {
            return;
        }
        string change = string.Join(" + ", mutant.Mutations.Select(m => $"{m.Kind} {m.Subject}".TrimEnd()));
        Add((verdict, mutant.Operator, change, Normal(reason)), 1, $"{mutant}: {reason.ReplaceLineEndings(" ")}", [seed]);
    }

    public void Add(MutationTally other)
    {
        foreach ((var key, int[] counts) in other._changes)
        {
            _changes[key] = _changes.TryGetValue(key, out int[]? mine) ? [.. mine.Zip(counts, (a, b) => a + b)] : counts;
        }
        foreach ((var key, (int count, string example, List<ulong> seeds)) in other._reasons)
        {
            Add(key, count, example, seeds);
        }
    }

    /// <summary>Two tables: verdicts by operator and change, and why they are not agreement.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"operator | change | of | {string.Join(" | ", Enum.GetNames<Verdict>())}");
        foreach (((string name, string kind, string subject), int[] counts) in _changes)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{name} | {kind} | {subject} | {string.Join(" | ", counts)}");
        }
        text.AppendLine().AppendLine("verdict | count | operator | change | reason | seeds | one of them");
        foreach (((Verdict verdict, string name, string change, string reason), (int count, string example, List<ulong> seeds)) in _reasons.OrderBy(r => r.Key.Verdict).ThenByDescending(r => r.Value.Count))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{verdict} | {count} | {name} | {change} | {reason} | {string.Join(" ", seeds)} | {example}");
        }
        return text.ToString();
    }

    private void Add((Verdict, string, string, string) key, int count, string example, List<ulong> seeds)
    {
        (int before, string first, List<ulong> kept) = _reasons.GetValueOrDefault(key, (0, example, []));
        _reasons[key] = (before + count, kept.Count > 0 && kept[0] < seeds[0] ? first : example, [.. kept.Concat(seeds).Order().Take(SeedsKept)]);
    }

    /// <summary>The reason without the names and numbers of one model, so that equal reasons meet.</summary>
    private static string Normal(string reason)
    {
        string text = Spaces().Replace(Numbers().Replace(Quoted().Replace(Places().Replace(reason, ""), "'…'"), "#"), " ").Replace('|', '/').Trim();
        return text.Length > ReasonLength ? text[..ReasonLength] : text;
    }

    /// <summary>Nodes and source lines in the messages of ONNX Runtime.</summary>
    [GeneratedRegex("In Node, .*, Error |/onnxruntime_src/[^ ]* |Node '[^']*' Op '[^']*' |This is an invalid model\\. ?", RegexOptions.Singleline)]
    private static partial Regex Places();

    [GeneratedRegex("'[^']*'|\\([^()]*\\)")]
    private static partial Regex Quoted();

    [GeneratedRegex("(?<![A-Za-z0-9])-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?")]
    private static partial Regex Numbers();

    [GeneratedRegex("\\s+")]
    private static partial Regex Spaces();
}
