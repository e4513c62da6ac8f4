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
/// these are the values behind the binary's outputs. (One exception is seen and told: where it does depend.) A value that
/// the chip keeps in 16 bits for products alone appears as it was before that rounding, which every reader then does.
/// </summary>
public static class NodeValues
{
    private const string Prefix = "value of ";

    /// <param name="graph">After the passes; unchanged when this returns.</param>
    /// <param name="lower">Tiling.</param>
    /// <param name="outputs">The model's outputs in this run.</param>
    /// <returns>
    /// By value, for each that has a place of its own on the chip: reshapes have that of their operand, and appends that of a cache.
    /// </returns>
    public static IReadOnlyDictionary<Value, Tensor> OfChip(
        Graph graph, Func<Graph, TileProgram> lower, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions, out IReadOnlyDictionary<string, Tensor> outputs)
    {
        GraphOutput[] own = [.. graph.Outputs];
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
        var values = new Dictionary<Value, Tensor>();
        foreach (GraphOutput output in own)
        {
            values[output.Value] = results[output.Name];
        }
        foreach (Value value in graph.Nodes.SelectMany(n => n.Outputs))
        {
            if (results.TryGetValue(Prefix + value.Name, out Tensor? tensor))
            {
                values[value] = tensor;
            }
            else if (value.Producer is { Op: Reshape } reshape && Known(reshape.Inputs[0]) is { } same)
            {
                values[value] = same.Reshape(TensorMath.Evaluate(value.Type.Shape, dimensions));
            }
        }
        return values;

        Tensor? Known(Value value) => value.ConstantData ?? values.GetValueOrDefault(value) ?? inputs.GetValueOrDefault(value.Producer is null ? value.Name : "");
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
