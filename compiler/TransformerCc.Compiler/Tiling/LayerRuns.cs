using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A node that is lowered by itself, or a run of layers that becomes a loop.</summary>
internal sealed record LoweringStep(Node? Node, LayerRun? Run);

/// <summary>
/// Finds the layers of a model: the longest stretch of nodes that repeats itself, as often as the flow of data between its
/// iterations allows; then what is before and behind it. Nothing is known of architectures: a period may be one layer, or
/// several where layers with and without a window take turns.
/// </summary>
internal sealed class LayerRuns
{
    /// <summary>Operators (reshapes apart) of a period: a loop around less costs more than it saves.</summary>
    private const int MinOperators = 6;

    /// <summary>Nodes of a period: a bound on the time, far beyond any layer.</summary>
    private const int MaxPeriod = 1024;

    /// <summary>Periods tried for a stretch, by the length of the repetition.</summary>
    private const int MaxPeriods = 8;

    private readonly LayerMatcher _matcher;
    private readonly Dictionary<Node, int> _kinds = [];

    private LayerRuns(Graph graph)
    {
        _matcher = new LayerMatcher(graph);
        var kinds = new Dictionary<(Operator, string), int>();
        foreach (Node node in graph.Nodes)
        {
            (Operator, string) key = (node.Op, string.Join(';', node.Inputs.Concat(node.Outputs).Select(v => v.Type.ToString())));
            if (!kinds.TryGetValue(key, out int kind))
            {
                kinds[key] = kind = kinds.Count;
            }
            _kinds[node] = kind;
        }
    }

    /// <summary>All nodes of the graph in the order of their lowering.</summary>
    public static IReadOnlyList<LoweringStep> Find(Graph graph)
    {
        var steps = new List<LoweringStep>();
        new LayerRuns(graph).Plan([.. graph.Nodes], steps);
        return steps;
    }

    private void Plan(List<Node> nodes, List<LoweringStep> steps)
    {
        foreach ((int start, int length, int period) in Repetitions(nodes).Take(MaxPeriods))
        {
            if (Best(nodes, start, length, period) is not (var run, var before, var after))
            {
                continue;
            }
            Plan(before, steps);
            steps.Add(new LoweringStep(null, run));
            Plan(after, steps);
            return;
        }
        steps.AddRange(nodes.Select(n => new LoweringStep(n, null)));
    }

    /// <summary>For each period the longest stretch in which every node is of the kind of the one a period later, longest first.</summary>
    private List<(int Start, int Length, int Period)> Repetitions(List<Node> nodes)
    {
        int[] kinds = [.. nodes.Select(n => _kinds[n])];
        var found = new List<(int Start, int Length, int Period)>();
        for (int period = MinOperators; period <= int.Min(MaxPeriod, kinds.Length / 2); period++)
        {
            (int start, int longest, int length) = (0, 0, 0);
            for (int i = 0; i + period < kinds.Length; i++)
            {
                length = kinds[i] == kinds[i + period] ? length + 1 : 0;
                if (length > longest)
                {
                    (start, longest) = (i + 1 - length, length);
                }
            }
            if (longest >= period)
            {
                found.Add((start, longest + period, period));
            }
        }
        return [.. found.OrderByDescending(f => f.Length - f.Period).ThenBy(f => f.Period)];
    }

    /// <summary>Where in its cycle a period begins is open: most iterations first, then the fewest bytes from one to the next.</summary>
    private (LayerRun Run, List<Node> Before, List<Node> After)? Best(List<Node> nodes, int start, int length, int period)
    {
        (LayerRun Run, List<Node> Before, List<Node> After)? best = null;
        (int Nodes, int Carried) score = default;
        for (int s = start; s < start + period && s + period <= start + length; s++)
        {
            var iterations = new List<IReadOnlyList<Node>>();
            for (int at = s; at + period <= start + length; at += period)
            {
                iterations.Add(nodes[at..(at + period)]);
            }
            List<Node> before = nodes[..s];
            while (TakeLast(before, iterations[0]) is (var earlier, var rest))
            {
                iterations.Insert(0, earlier);
                before = rest;
            }
            if (iterations[0].Count(n => n.Op is not Reshape) < MinOperators || _matcher.Match(iterations) is not { } run)
            {
                continue;
            }
            (int, int) value = (run.Count * period, -run.Carried.Count);
            if (best is null || value.CompareTo(score) > 0)
            {
                // Iterations that did not match stay nodes by themselves.
                int dropped = iterations.FindIndex(i => ReferenceEquals(i, run.Body));
                List<Node> left = [.. before, .. iterations.Take(dropped).SelectMany(i => i)];
                List<Node> right = [.. iterations.Skip(dropped + run.Count).SelectMany(i => i), .. nodes[(s + ((start + length - s) / period * period))..]];
                (best, score) = ((run, left, right), value);
            }
        }
        return best;
    }

    /// <summary>
    /// The iteration before the first, between whose nodes others may stand that do not need it (tables of angles that the
    /// first layer asked for): those go before it.
    /// </summary>
    private (List<Node> Iteration, List<Node> Others)? TakeLast(List<Node> nodes, IReadOnlyList<Node> like)
    {
        var taken = new List<Node>();
        var others = new List<Node>();
        int at = nodes.Count - 1;
        for (int position = like.Count - 1; position >= 0; at--)
        {
            if (at < 0 || others.Count > like.Count)
            {
                return null;
            }
            if (_kinds[nodes[at]] == _kinds[like[position]])
            {
                taken.Add(nodes[at]);
                position--;
            }
            else
            {
                others.Add(nodes[at]);
            }
        }
        var inside = new HashSet<Node>(taken);
        if (others.Exists(n => n.Inputs.Exists(v => v.Producer is { } p && inside.Contains(p))))
        {
            return null;
        }
        taken.Reverse();
        others.Reverse();
        return (taken, [.. nodes[..(at + 1)], .. others]);
    }
}
