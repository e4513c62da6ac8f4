using System.Collections.Immutable;
using System.Text;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Binding;

namespace TransformerCc.Runtime.Timing;

/// <summary>
/// The roofline of a model on a chip (Williams, Waterman and Patterson 2009): no program for it can take fewer cycles than its
/// bytes take at the sustained bandwidth of DRAM, or its multiply-adds on all arrays.
/// </summary>
/// <param name="Bytes">That DRAM must give or take.</param>
/// <param name="DramCycles">Of the bytes at the sustained bandwidth.</param>
/// <param name="PeakDramCycles">Of the bytes at the peak bandwidth.</param>
/// <param name="ArrayCycles">Of the multiply-adds at the rate of each node's format, on all arrays.</param>
public sealed record Roofline(long Bytes, long MultiplyAdds, double DramCycles, double PeakDramCycles, double ArrayCycles)
{
    public static Roofline Zero { get; } = new(0, 0, 0, 0, 0);

    /// <summary>The bound.</summary>
    public double Cycles => double.Max(DramCycles, ArrayCycles);

    /// <summary>The bound if DRAM gave its peak bandwidth.</summary>
    public double PeakCycles => double.Max(PeakDramCycles, ArrayCycles);

    public bool IsDramBound => DramCycles >= ArrayCycles;

    public Roofline Plus(Roofline other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new(checked(Bytes + other.Bytes), checked(MultiplyAdds + other.MultiplyAdds), DramCycles + other.DramCycles, PeakDramCycles + other.PeakDramCycles, ArrayCycles + other.ArrayCycles);
    }

    internal static Roofline Of(NodeWork work, ChipDescription chip, IReadOnlyDictionary<string, long> values)
    {
        long bytes = DimensionBinder.Evaluate(work.Bytes, values, work.Node), products = DimensionBinder.Evaluate(work.MultiplyAdds, values, work.Node);
        double clock = chip.ClockGhz * 1e9;
        return new(bytes, products, bytes / (chip.Memory.SustainedBytesPerSecond / clock), bytes / (chip.Memory.DramBytesPerSecond / clock), products / chip.Matrix.PeakMultiplyAdds(work.Class));
    }
}

/// <summary>
/// Nodes that differ in their numbers only, such as the same one of every layer, and the cycles that passed for them. Those of
/// all nodes together are the run; the bounds of all nodes together are at least the bound of the run, because one node's
/// bytes move during another's products.
/// </summary>
/// <param name="Name">With a star for each number: <c>blk.*.ffn_up</c>.</param>
/// <param name="Count">Nodes with necessary work.</param>
public sealed record NodeTime(string Name, int Count, Roofline Bound, double Cycles)
{
    /// <summary>Beyond the bound; negative where the node's bytes came while others were waited for.</summary>
    public double Lost => Cycles - Bound.Cycles;

    /// <param name="work">Of the graph, in its order.</param>
    /// <param name="elapsed">Cycles by node.</param>
    /// <param name="values">Of dimensions and filled inputs.</param>
    internal static ImmutableArray<NodeTime> Of(ImmutableArray<NodeWork> work, IEnumerable<(string Node, double Cycles)> elapsed, ChipDescription chip, IReadOnlyDictionary<string, long> values)
    {
        var groups = new OrderedDictionary<string, NodeTime>(StringComparer.Ordinal);
        foreach (NodeWork w in work)
        {
            Change(w.Node, g => g with { Count = g.Count + 1, Bound = g.Bound.Plus(Roofline.Of(w, chip, values)) });
        }
        foreach ((string node, double cycles) in elapsed)
        {
            Change(node, g => g with { Cycles = g.Cycles + cycles });
        }
        return [.. groups.Values];

        void Change(string node, Func<NodeTime, NodeTime> change)
        {
            string name = Pattern(node);
            groups[name] = change(groups.GetValueOrDefault(name) ?? new NodeTime(name, 0, Roofline.Zero, 0));
        }
    }

    /// <summary>A name with each run of digits that stands between other characters replaced by a star.</summary>
    internal static string Pattern(string name)
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
