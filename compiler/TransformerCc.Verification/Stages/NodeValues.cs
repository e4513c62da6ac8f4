using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification.TileEvaluation;

namespace TransformerCc.Verification.Stages;

/// <summary>
/// What the chip computes for every node of a graph. The graph is lowered with the value of every node as an output, and
/// evaluated as tiles: bits depend neither on tiling nor on what else is stored, and tiles and binary agree to the bit, so
/// these are the values behind the binary's outputs. A value that
/// the chip keeps in 16 bits for products alone appears as it was before that rounding, which every reader then does.
/// </summary>
public static class NodeValues
{
    private const string Prefix = "value of ";

    /// <param name="graph">After the passes; unchanged when this returns.</param>
    /// <param name="lower">Tiling.</param>
    /// <param name="outputs">The model's outputs in this run.</param>
    /// <returns>By value, inputs included.</returns>
    public static IReadOnlyDictionary<Value, Tensor> OfChip(
        Graph graph, Func<Graph, TileProgram> lower, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions, out IReadOnlyDictionary<string, Tensor> outputs)
    {
        GraphOutput[] own = [.. graph.Outputs];
        // A value that shares its place with an output of the model, or with a cache, is known with it.
        var roots = new HashSet<Value>(graph.Results.Select(Root));
        foreach (Value value in graph.Nodes.SelectMany(n => n.Outputs).Where(v => ReferenceEquals(Root(v), v) && roots.Add(v)))
        {
            graph.Outputs.Add(new GraphOutput(Prefix + value.Name, value));
        }
        IReadOnlyDictionary<string, Tensor> results;
        try
        {
            results = TileEvaluator.Evaluate(lower(graph), inputs, dimensions);
        }
        finally
        {
            graph.Outputs.RemoveRange(own.Length, graph.Outputs.Count - own.Length);
        }
        outputs = own.ToDictionary(o => o.Name, o => results[o.Name], StringComparer.Ordinal);
        return Complete(graph, own, results, inputs, dimensions);
    }

    /// <summary>Adds what has no place of its own: a reshape is its operand, and an append what it appends, in the cache's format.</summary>
    private static Dictionary<Value, Tensor> Complete(
        Graph graph, GraphOutput[] outputs, IReadOnlyDictionary<string, Tensor> results, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        var values = graph.Inputs.ToDictionary(v => v, v => GraphEvaluator.Input(graph, v, inputs, dimensions));
        foreach (GraphOutput output in outputs.Where(o => !o.Value.IsConstant))
        {
            values[output.Value] = results[output.Name];
        }
        foreach (Node node in graph.Nodes)
        {
            foreach (Value value in node.Outputs)
            {
                if (results.TryGetValue(Prefix + value.Name, out Tensor? tensor))
                {
                    values[value] = tensor;
                }
                else if (node.Op is Reshape or CacheAppend && node.Inputs.TrueForAll(v => v.IsConstant || values.ContainsKey(v)))
                {
                    values.TryAdd(value, GraphEvaluator.EvaluateNode(node, [.. node.Inputs.Select(v => v.ConstantData ?? values[v])], dimensions)[0]);
                }
            }
        }
        return values;
    }

    /// <summary>The first node, in the graph's order, whose result differs from what its definition makes of the same operands.</summary>
    /// <param name="operands">What it finds where the chip has no value: results of the reference.</param>
    public static (Node Node, Tensor Expected, Tensor Actual)? FirstWrong(Graph graph, IReadOnlyDictionary<Value, Tensor> chip, IReadOnlyDictionary<Value, Tensor> operands, IReadOnlyDictionary<string, long> dimensions, Tolerance rule)
    {
        foreach (Node node in graph.Nodes)
        {
            if (node.Outputs.Exists(chip.ContainsKey))
            {
                Tensor[] expected = OnChipOperands(node, chip, operands, dimensions);
                for (int i = 0; i < expected.Length; i++)
                {
                    if (chip.TryGetValue(node.Outputs[i], out Tensor? actual) && !OutputComparison.Compare("", actual, expected[i], rule).Passed)
                    {
                        return (node, expected[i], actual);
                    }
                }
            }
        }
        return null;
    }

    /// <summary>What the definition of a node makes of the operands that the chip has.</summary>
    internal static Tensor[] OnChipOperands(Node node, IReadOnlyDictionary<Value, Tensor> chip, IReadOnlyDictionary<Value, Tensor> reference, IReadOnlyDictionary<string, long> dimensions) =>
        GraphEvaluator.EvaluateNode(node, [.. node.Inputs.Select(v => v.ConstantData ?? chip.GetValueOrDefault(v) ?? reference[v])], dimensions);

    private static Value Root(Value value)
    {
        while (value.Producer is { Op: Reshape or CacheAppend } same)
        {
            value = same.Inputs[0];
        }
        return value;
    }
}
