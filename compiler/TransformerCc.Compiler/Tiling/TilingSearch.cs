using System.Globalization;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>One way to cut an item into tiles.</summary>
/// <param name="Cut">What it is called: "256 rows".</param>
internal sealed record TilingCandidate(string Cut, Action<TilingContext> Lower, CandidateUse Use = CandidateUse.Always);

/// <summary>When a way to cut an item is considered.</summary>
internal enum CandidateUse
{
    Always,

    /// <summary>Where the one before it does not fit, or is the best.</summary>
    Instead,

    /// <summary>Where nothing before it fits: it is for small scratchpads only.</summary>
    LastResort,

    /// <summary>Where DRAM bounds the best so far, which reads weights again: it reads them less often.</summary>
    LessWeights,
}

/// <summary>What a search found.</summary>
/// <param name="Candidate">Number of the best candidate.</param>
/// <param name="Costs">What it takes at the sizes of <see cref="TilingSearch.Sizes"/>; none where those are no numbers.</param>
/// <param name="ReadsWeightsAgain">See <see cref="TilingCost.ReadsWeightsAgain"/>.</param>
internal sealed record TilingResult(int Candidate, TilingChoice Choice, TilingCost[] Costs, bool ReadsWeightsAgain);

/// <summary>How an item was cut.</summary>
/// <param name="Item">The result of its first operator.</param>
/// <param name="Cut">See <see cref="TilingCandidate.Cut"/>.</param>
/// <param name="Cycles">Estimated, at the sizes the program is planned for; infinite where those are no numbers.</param>
/// <param name="Others">The cuts that were weighed against it, with theirs.</param>
public sealed record TilingChoice(string Item, string Cut, double Cycles, IReadOnlyList<(string Cut, double Cycles)> Others)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Item}: {Cut}, {Cycles:N0} cycles") + string.Concat(Others.Select(o => string.Create(CultureInfo.InvariantCulture, $"; {o.Cut} {o.Cycles:N0}")));
}

/// <summary>
/// Chooses how an item is cut: every candidate is lowered on an empty program, those whose buffers do not fit are dropped,
/// and of the others the one that <see cref="TileEstimate"/> finds fastest is taken. Candidates come from large to small.
/// A larger one reads weights less often, so a smaller one must be faster by a margin. Items that are the same problem
/// are searched once.
/// </summary>
/// <param name="only">The cuts to choose from, by name, for items that have one of them; null for all.</param>
internal sealed class TilingSearch(Func<string, bool>? only = null)
{
    /// <summary>By so much a smaller cut has to be faster: estimates are not better than that.</summary>
    public const double Margin = 0.02;

    /// <summary>Cuts that are weighed for an item.</summary>
    private const int MaxWeighed = 5;

    /// <summary>A cut that takes so many times as long as the best before it ends the search: what smaller tiles repeat, yet smaller ones repeat more often.</summary>
    private const double Lost = 1.25;

    /// <summary>So many cuts in a row at the same cost as the one before end it as well: the tiles are smaller than before in name only.</summary>
    private const int MaxAlike = 2;

    /// <summary>Sizes are no larger than this where a model has no bounds: products of them must not overflow.</summary>
    private const long LargestSize = 1 << 20;

    private readonly Dictionary<string, TilingResult> _known = new(StringComparer.Ordinal);

    /// <summary>Lowers an item by the best of its candidates that fit; null where none does.</summary>
    public TilingChoice? Lower(TilingContext context, IReadOnlyList<Node> nodes, IEnumerable<TilingCandidate> candidates)
    {
        TilingCandidate[] all = Allowed(candidates);
        if (Find(context, nodes, all) is not { } found)
        {
            return null;
        }
        all[found.Candidate].Lower(context);
        return found.Choice with { Item = nodes[0].Output.Name };
    }

    /// <summary>The best candidate for an item that fits; null where none does.</summary>
    public TilingResult? Find(TilingContext context, IReadOnlyList<Node> nodes, IEnumerable<TilingCandidate> candidates) => Find(context, nodes, Allowed(candidates));

    private TilingResult? Find(TilingContext context, IReadOnlyList<Node> nodes, TilingCandidate[] candidates)
    {
        string problem = TilingProblem.Of(context, nodes) + string.Join(',', candidates.Select(c => c.Cut));
        if (!_known.TryGetValue(problem, out TilingResult? found) && Search(context, nodes[0].Output.Name, candidates) is { } best)
        {
            _known[problem] = found = best;
        }
        return found;
    }

    private TilingCandidate[] Allowed(IEnumerable<TilingCandidate> candidates)
    {
        TilingCandidate[] all = [.. candidates];
        return only is not null && Array.Exists(all, c => only(c.Cut)) ? [.. all.Where(c => only(c.Cut)).Select(c => c with { Use = CandidateUse.Always })] : all;
    }

    private static TilingResult? Search(TilingContext context, string item, TilingCandidate[] candidates)
    {
        IReadOnlyDictionary<string, long>[] sizes = Sizes(context.Graph, context.Builder.Program);
        var weighed = new List<(int Candidate, TilingCost[] Costs, double Score, bool ReadsWeightsAgain, bool IsBusy)>();
        (int best, int alike) = (0, 0);
        (bool ended, bool fitted) = (false, true);
        for (int i = 0; i < candidates.Length; i++)
        {
            bool considered = candidates[i].Use switch
            {
                CandidateUse.Instead => !ended && !fitted,
                CandidateUse.LastResort => weighed.Count == 0,
                CandidateUse.LessWeights => weighed.Count > 0 && weighed[best].ReadsWeightsAgain,
                _ => !ended,
            };
            if (!considered)
            {
                continue;
            }
            int before = weighed.Count;
            if (!Weighed(i))
            {
                return new TilingResult(i, new TilingChoice(item, candidates[i].Cut, double.PositiveInfinity, []), [], false);
            }
            fitted = weighed.Count > before;
            if (fitted)
            {
                alike = before > 0 && weighed[^1].Costs.AsSpan().SequenceEqual(weighed[^2].Costs) ? alike + 1 : 0;
                // Or an engine, or DRAM, is busy all the time, and a smaller cut has no less to do.
                ended |= weighed.Count == MaxWeighed || weighed[^1].Score > weighed[best].Score * Lost || alike == MaxAlike || weighed[^1].IsBusy;
            }
        }
        if (weighed.Count > 0 && !weighed[best].IsBusy && weighed[best].Candidate + 1 is var other && other < candidates.Length && candidates[other].Use == CandidateUse.Instead)
        {
            Weighed(other);
        }
        if (weighed.Count == 0)
        {
            return null;
        }
        (int candidate, TilingCost[] cost, _, bool again, _) = weighed[best];
        var choice = new TilingChoice(item, candidates[candidate].Cut, cost[0].Cycles, [.. weighed.Where((_, i) => i != best).Select(w => (candidates[w.Candidate].Cut, w.Costs[0].Cycles))]);
        return new TilingResult(candidate, choice, cost, again);

        // Adds a candidate that fits; false where its costs are no numbers.
        bool Weighed(int i)
        {
            TilingContext trial = context.Trial();
            candidates[i].Lower(trial);
            if (!trial.Fits)
            {
                return true;
            }
            if (Weigh(trial.Builder.Program, sizes) is not { } costs)
            {
                return false;
            }
            double score = weighed.Count == 0 ? 1 : Score(costs, weighed[0].Costs);
            weighed.Add((i, costs, score, Array.Exists(costs, c => c.ReadsWeightsAgain(trial.Builder.Program)), Array.TrueForAll(costs, c => c.Cycles <= c.Busiest * (1 + Margin))));
            best = score < weighed[best].Score - Margin ? weighed.Count - 1 : best;
            return true;
        }
    }

    /// <summary>Whether a program takes no more time than another of the same graph, at the sizes that it is planned for.</summary>
    public static bool IsAsFast(Graph graph, TileProgram program, TileProgram other)
    {
        IReadOnlyDictionary<string, long>[] sizes = Sizes(graph, program);
        return Weigh(program, sizes) is not { } costs || Weigh(other, sizes) is not { } others || Score(costs, others) < 1 + Margin;
    }

    /// <summary>How much longer something takes than something else, on average over the sizes.</summary>
    public static double Score(TilingCost[] costs, TilingCost[] others) => costs.Zip(others).Average(c => c.First.Cycles / double.Max(1, c.Second.Cycles));

    /// <summary>Null where products of sizes are no numbers: bounds of several dimensions that nobody gave. The largest cut will do then.</summary>
    public static TilingCost[]? Weigh(TileProgram program, IReadOnlyDictionary<string, long>[] sizes)
    {
        try
        {
            var costs = new Dictionary<TileStatement, StatementCost>();
            return Array.ConvertAll(sizes, s => TileEstimate.Of(program, s, costs));
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    /// <summary>
    /// Sizes at which cuts are weighed, all alike: the upper bounds, which a program is planned for, one sequence of the
    /// longest, and one that is an eighth as long. Inputs have the sequences in front.
    /// </summary>
    public static IReadOnlyDictionary<string, long>[] Sizes(Graph graph, TileProgram program)
    {
        var sequences = graph.Inputs.Where(i => i.Type.Shape.Count > 0).Select(i => i.Type.Shape[0].SymbolName).ToHashSet();
        SortedDictionary<string, DimInterval> dimensions = program.Dimensions;
        return dimensions.Count == 0 ? [Of((_, d) => d.Upper)] : [Of((_, d) => d.Upper), Of((name, d) => sequences.Contains(name) ? 1 : d.Upper), Of((name, d) => sequences.Contains(name) ? 1 : d.Upper / 8)];

        Dictionary<string, long> Of(Func<string, DimInterval, long> size) =>
            dimensions.ToDictionary(d => d.Key, d => long.Clamp(size(d.Key, d.Value), d.Value.Lower, long.Max(d.Value.Lower, long.Min(d.Value.Upper, LargestSize))), StringComparer.Ordinal);
    }
}
