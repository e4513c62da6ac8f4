using System.Collections.Immutable;
using System.Text;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Runtime.Timing;

/// <summary>
/// Nodes that differ in their numbers only, such as the same one of every layer, and the cycles that passed for them. Those of
/// all nodes together are the run; the bounds of all nodes together are at least the bound of the run, because one node's
/// bytes move during another's products.
/// </summary>
/// <param name="Name">With a star for each number: <c>blk.*.ffn_up</c>. Where a pass made the node: its kind, and the first of the model's nodes behind it.</param>
/// <param name="Count">Nodes with necessary work.</param>
public sealed record NodeTime(string Name, int Count, Roofline Bound, double Cycles)
{
    /// <summary>Beyond the bound; negative where the node's bytes came while others were waited for.</summary>
    public double Lost => Cycles - Bound.Cycles;

    /// <param name="work">Of the graph, in its order.</param>
    /// <param name="elapsed">Cycles by node.</param>
    /// <param name="values">Of dimensions and filled inputs.</param>
    internal static ImmutableArray<NodeTime> Of(ImmutableArray<NodeWork> work, IEnumerable<(DebugEntry Of, double Cycles)> elapsed, ChipDescription chip, IReadOnlyDictionary<string, long> values)
    {
        var groups = new OrderedDictionary<string, NodeTime>(StringComparer.Ordinal);
        foreach (NodeWork w in work)
        {
            Change(NameOf(w.Node, w.Source), g => g with { Count = g.Count + 1, Bound = g.Bound.Plus(Roofline.Of(w, chip, values)) });
        }
        foreach ((DebugEntry of, double cycles) in elapsed)
        {
            Change(NameOf(of.Node, of.Source), g => g with { Cycles = g.Cycles + cycles });
        }
        return [.. groups.Values];

        void Change(string name, Func<NodeTime, NodeTime> change) =>
            groups[name] = change(groups.GetValueOrDefault(name) ?? new NodeTime(name, 0, Roofline.Zero, 0));
    }

    /// <summary>The name of the nodes that are like one.</summary>
    internal static string NameOf(string node, string source)
    {
        // Passes name the nodes they make after the operator, and number all but the first: linear, linear~17.
        int mark = node.LastIndexOf('~');
        bool isNumbered = mark > 0 && node.AsSpan(mark + 1).ContainsAnyInRange('0', '9');
        string stem = isNumbered ? node[..mark] : node, origin = source.Split(',')[0];
        bool isMade = (isNumbered || node.All(c => char.IsAsciiLetterLower(c) || c == '_')) && !origin.StartsWith(stem, StringComparison.Ordinal) && origin.Length > 0;
        return Pattern(isMade ? $"{stem} {origin}" : stem);
    }

    /// <summary>A name with each run of digits that stands between other characters replaced by a star.</summary>
    private static string Pattern(string name)
    {
        var text = new StringBuilder(name.Length);
        for (int i = 0; i < name.Length; i++)
        {
            bool isNumber = char.IsAsciiDigit(name[i]) && (i == 0 || !char.IsAsciiLetterOrDigit(name[i - 1]));
            int end = i;
            while (isNumber && end < name.Length && char.IsAsciiDigit(name[end]))
            {
                end++;
            }
            if (isNumber && (end == name.Length || !char.IsAsciiLetter(name[end])))
            {
                text.Append('*');
                i = end - 1;
            }
            else
            {
                text.Append(name[i]);
            }
        }
        return text.ToString();
    }
}
