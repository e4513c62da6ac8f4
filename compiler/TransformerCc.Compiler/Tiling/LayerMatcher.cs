using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Decides whether iterations of the same kinds of operators are one loop: every operand of one iteration must stand in the
/// same relation to its iteration as in all others, and nothing but what is handed on may be read later.
/// </summary>
internal sealed class LayerMatcher(Graph graph)
{
    private readonly Dictionary<Value, List<Node>> _uses = graph.Uses();
    private readonly HashSet<Value> _outputs = [.. graph.Outputs.Select(o => o.Value)];
    private readonly HashSet<Value> _states = [.. graph.States.Select(s => s.Input)];
    private readonly HashSet<Value> _nextStates = [.. graph.States.Select(s => s.Next)];
    private readonly Dictionary<Node, int> _order = graph.Nodes.Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i);

    /// <summary>A node's place: iteration and position.</summary>
    private readonly Dictionary<Node, (int Iteration, int Position)> _places = [];

    /// <summary>Runs tried for one list of iterations: a bound on the time, whatever the model.</summary>
    private const int MaxTries = 16;

    /// <summary>The longest run among the iterations that is one loop; null where not even two are.</summary>
    public LayerRun? Match(IReadOnlyList<IReadOnlyList<Node>> iterations)
    {
        int tries = 0;
        for (int first = 0; first + 2 <= iterations.Count; first++)
        {
            int count = iterations.Count - first;
            while (count >= 2)
            {
                if (++tries > MaxTries)
                {
                    return null;
                }
                IReadOnlyList<IReadOnlyList<Node>> tried = [.. iterations.Skip(first).Take(count)];
                (LayerRun? run, int matched) = Try(tried);
                if (run is not null)
                {
                    return run;
                }
                count = int.Min(matched, count - 1);
            }
        }
        return null;
    }

    /// <summary>The run, or null and how many of the iterations may still be one.</summary>
    private (LayerRun? Run, int Matched) Try(IReadOnlyList<IReadOnlyList<Node>> iterations)
    {
        _places.Clear();
        for (int t = 0; t < iterations.Count; t++)
        {
            for (int j = 0; j < iterations[t].Count; j++)
            {
                _places[iterations[t][j]] = (t, j);
            }
        }
        var run = new LayerRun { Iterations = iterations };
        for (int t = 1; t < iterations.Count; t++)
        {
            for (int j = 0; j < iterations[t].Count; j++)
            {
                for (int k = 0; k < iterations[t][j].Inputs.Count; k++)
                {
                    if (!Operand(run, t, j, k))
                    {
                        return (null, t);
                    }
                }
            }
        }
        bool sound = run.Members.Values.All(UsedOnlyInside) && run.Carried.All(c => HandsOn(c.Key, c.Value)) && run.Carried.Values.Distinct().Count() == run.Carried.Count;
        if (!sound || !Results(run))
        {
            return (null, iterations.Count - 1);
        }
        run.Copied.UnionWith(run.Carried.Values.Where(v => !MayBeOverwritten(run, v)));
        return (run, iterations.Count);
    }

    /// <summary>Whether an operand of iteration t corresponds to that of the first; notes what it is.</summary>
    private bool Operand(LayerRun run, int t, int j, int k)
    {
        (Value first, Value value) = (run.Body[j].Inputs[k], run.Iterations[t][j].Inputs[k]);
        (int Iteration, int Position)? from = Place(first), place = Place(value);
        if (place is { } here && here.Iteration == t)
        {
            return from is { Iteration: 0 } there && there.Position == here.Position && Index(first) == Index(value);
        }
        if (place is { } before)
        {
            Value source = run.Body[before.Position].Outputs[Index(value)];
            return before.Iteration == t - 1 && from is null && first.Type == source.Type && Note(run.Carried, source, first);
        }
        if (from is not null || value.Type != first.Type || first.IsConstant != value.IsConstant)
        {
            return false;
        }
        if (run.Carried.ContainsValue(first))
        {
            return false;
        }
        if (ReferenceEquals(first, value) && !run.Members.ContainsKey(first))
        {
            // The same for all so far; an iteration with another is no part of the run unless the first differed already.
            return true;
        }
        bool own = first.IsConstant ? ReadsFromMemory(run.Body[j].Op, k) : first.Producer is null && value.Producer is null && _states.Contains(first) == _states.Contains(value);
        return own && Member(run, first, value, t);
    }

    private static bool Member(LayerRun run, Value first, Value value, int t)
    {
        if (!run.Members.TryGetValue(first, out Value[]? members))
        {
            if (t > 1)
            {
                return false;
            }
            run.Members[first] = members = new Value[run.Count];
            members[0] = first;
            if (first.ConstantData is { } data)
            {
                run.Weights[data] = new Tensor[run.Count];
                run.Weights[data][0] = data;
            }
        }
        if (members[t] is { } other && !ReferenceEquals(other, value))
        {
            return false;
        }
        members[t] = value;
        if (first.ConstantData is { } own)
        {
            run.Weights[own][t] = value.ConstantData!;
        }
        return true;
    }

    private static bool Note(Dictionary<Value, Value> carried, Value source, Value initial) =>
        carried.TryGetValue(source, out Value? known) ? ReferenceEquals(known, initial) : carried.TryAdd(source, initial);

    /// <summary>Lowerings of these read the constant in DRAM and never look at its content.</summary>
    private static bool ReadsFromMemory(Operator op, int operand) => op switch
    {
        Linear or Norm or Binary or Gated or Rope or Attention or CachedAttention => true,
        ExpertLinear => operand >= 2,
        Gather => operand == 0,
        _ => false,
    };

    private bool UsedOnlyInside(Value[] members) => members.All(v => v is not null && !_outputs.Contains(v) && _uses.GetValueOrDefault(v, []).TrueForAll(_places.ContainsKey));

    /// <summary>
    /// What is handed on is kept in one place: within an iteration all readers of the old value must come before the new one
    /// is written. They read it by the rows that are written, or are over before.
    /// </summary>
    private bool HandsOn(Value source, Value initial) =>
        ValueStorage.Root(source).Producer is { } writer && _places.TryGetValue(writer, out var written) && written.Iteration == 0
        && Readers(initial).All(r => !_places.TryGetValue(r.Reader, out var at) || (at.Iteration == 0 && at.Position <= written.Position && ByRows(r.Reader, r.Value)));

    /// <summary>The readers of a value and of what reshapes make of it.</summary>
    private IEnumerable<(Node Reader, Value Value)> Readers(Value value) =>
        _uses.GetValueOrDefault(value, []).SelectMany(n => n.Op is Reshape ? Readers(n.Output) : [(n, value)]);

    /// <summary>
    /// Whether the first iteration may overwrite what it reads: a result before the loop that nothing behind it needs. Otherwise
    /// it is copied.
    /// </summary>
    private bool MayBeOverwritten(LayerRun run, Value initial)
    {
        Value root = ValueStorage.Root(initial);
        int last = _order[run.Iterations[^1][^1]];
        return root.Producer is not null && Aliases(root).All(v => !_outputs.Contains(v) && !_nextStates.Contains(v) && _uses.GetValueOrDefault(v, []).TrueForAll(n => _order[n] <= last));
    }

    private IEnumerable<Value> Aliases(Value root) =>
        _uses.GetValueOrDefault(root, []).Where(n => n.Op is Reshape).SelectMany(n => Aliases(n.Output)).Prepend(root);

    private static bool ByRows(Node reader, Value value)
    {
        RowForm? form = RowForm.Of(reader, null);
        return form is null || Enumerable.Range(0, reader.Inputs.Count).All(i => !ReferenceEquals(reader.Inputs[i], value) || form.Operands[i].Kind == RowOperandKind.Full);
    }

    /// <summary>Results that are read after the loop, or by the caller: of the last iteration, or one of each.</summary>
    private bool Results(LayerRun run)
    {
        for (int j = 0; j < run.Body.Count; j++)
        {
            for (int o = 0; o < run.Body[j].Outputs.Count; o++)
            {
                Value[] values = [.. run.Iterations.Select(i => i[j].Outputs[o])];
                bool early = values[..^1].Any(v => _uses.GetValueOrDefault(v, []).Exists(n => !_places.ContainsKey(n)));
                int outputs = values.Count(_outputs.Contains), states = values.Count(_nextStates.Contains);
                if (early || (states > 0 && states < values.Length) || (outputs > 0 && outputs < values.Length && !(outputs == 1 && _outputs.Contains(values[^1]))))
                {
                    return false;
                }
                if (outputs == values.Length)
                {
                    if (run.Carried.ContainsKey(values[0]) || values.Any(v => graph.Outputs.Count(x => ReferenceEquals(x.Value, v)) > 1) || !ReferenceEquals(ValueStorage.Root(values[0]), values[0]))
                    {
                        return false;
                    }
                    run.Members[values[0]] = values;
                }
            }
        }
        return true;
    }

    private (int Iteration, int Position)? Place(Value value) => value.Producer is { } p && _places.TryGetValue(p, out var place) ? place : null;

    private static int Index(Value value) => value.Producer!.Outputs.IndexOf(value);
}
