using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification.TileEvaluation;

namespace TransformerCc.Verification.Accuracy;

/// <summary>
/// A model of which some nodes compute in f32 and all others in the compile precision. A binary has one precision, so the graph
/// is cut where the precision changes; each part is lowered in its own and evaluated as tiles, and the values between them
/// pass in the format of the graph. Bits do not depend on what is stored between nodes, so a graph that is cut without a
/// change of precision gives the bits of the whole.
/// </summary>
public static class MixedPrecision
{
    /// <param name="wide">The nodes that compute in f32.</param>
    public static IReadOnlyDictionary<string, Tensor> Outputs(AccuracyRun run, IReadOnlySet<Node> wide) => Outputs(run, wide, wide);

    /// <inheritdoc cref="Outputs(AccuracyRun, IReadOnlySet{Node})"/>
    /// <param name="cut">The nodes before and behind which the graph is cut.</param>
    /// <param name="wide">Those of them that compute in f32.</param>
    public static IReadOnlyDictionary<string, Tensor> Outputs(AccuracyRun run, IReadOnlySet<Node> cut, IReadOnlySet<Node> wide)
    {
        List<List<Node>> parts = Parts(run.Graph, cut);
        // Up to the first cut nothing differs from the run that has no cut.
        var values = new Dictionary<Value, Tensor>(run.Graph.Inputs.Select(v => KeyValuePair.Create(v, run.Chip[v])));
        int first = parts.FindIndex(p => cut.Contains(p[^1]));
        var stale = new HashSet<Node>(parts.Skip(int.Max(first, 0)).SelectMany(p => p));
        foreach (Node node in run.Graph.Nodes.Where(n => !stale.Contains(n)))
        {
            foreach (Value value in node.Outputs.Where(run.Chip.ContainsKey))
            {
                values[value] = run.Chip[value];
            }
        }
        Dictionary<Value, List<Node>> uses = run.Graph.Uses();
        foreach (List<Node> part in parts.Skip(int.Max(first, 0)))
        {
            Evaluate(run, part, wide.Contains(part[^1]) ? Precision.F32 : run.Options.Precision, uses, values);
        }
        return run.Graph.Outputs.ToDictionary(o => o.Name, o => o.Value.ConstantData ?? values[o.Value], StringComparer.Ordinal);
    }

    private static void Evaluate(AccuracyRun run, List<Node> nodes, Precision precision, Dictionary<Value, List<Node>> uses, Dictionary<Value, Tensor> values)
    {
        var inside = new HashSet<Node>(nodes);
        Subgraph part = Subgraph.Of(run.Graph, nodes, v => run.Graph.IsOutput(v) || uses.GetValueOrDefault(v, []).Exists(n => !inside.Contains(n))).WithStates(run.Graph);
        if (part.Outputs.Count > 0)
        {
            IReadOnlyDictionary<string, Tensor> inputs = part.Inputs.ToDictionary(i => i.Input.Name, i => values[i.Whole], StringComparer.Ordinal);
            IReadOnlyDictionary<string, Tensor> outputs = TileEvaluator.Evaluate(Tiler.Lower(part.Graph, run.Options.Chip, precision), inputs, run.Dimensions);
            foreach ((Value whole, string name) in part.Outputs)
            {
                values[whole] = outputs[name];
            }
        }
        foreach (Node reshape in nodes.Where(n => n.Op is Reshape && (n.Inputs[0].IsConstant || values.ContainsKey(n.Inputs[0]))))
        {
            values[reshape.Output] = GraphEvaluator.EvaluateNode(reshape, [reshape.Inputs[0].ConstantData ?? values[reshape.Inputs[0]]], run.Dimensions)[0];
        }
    }

    /// <summary>Runs of nodes that are all cut out, or all not; an append stands in front of the first node that reads its cache.</summary>
    private static List<List<Node>> Parts(Graph graph, IReadOnlySet<Node> cut)
    {
        var parts = new List<List<Node>>();
        var waiting = graph.Nodes.Where(n => n.Op is CacheAppend).ToHashSet();
        foreach (Node node in graph.Nodes.Where(n => n.Op is not CacheAppend))
        {
            Node[] appends = [.. node.Inputs.Select(v => v.Producer).OfType<Node>().Where(waiting.Remove)];
            if (parts.Count == 0 || cut.Contains(parts[^1][^1]) != cut.Contains(node))
            {
                parts.Add([]);
            }
            parts[^1].AddRange(appends);
            parts[^1].Add(node);
        }
        return parts;
    }
}
