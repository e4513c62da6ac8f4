using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Verification;

/// <summary>
/// An output of indices whose scores are an output as well: the place of the largest or smallest element of another output, such
/// as a greedy token beside its logits, or the places of the best elements.
/// </summary>
/// <param name="Name">The output of indices.</param>
/// <param name="Scores">The output of scores.</param>
/// <param name="Op">A <see cref="Reduce"/> (ArgMax, ArgMin) or a <see cref="TopK"/>.</param>
/// <param name="AreAll">Whether the scores are those of all candidates; otherwise only the best ones, beside their indices.</param>
public sealed record IndexOutput(string Name, string Scores, Operator Op, bool AreAll = true)
{
    public static IReadOnlyList<IndexOutput> Find(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var found = new List<IndexOutput>();
        foreach (GraphOutput output in graph.Outputs)
        {
            Value indices = Origin(output.Value);
            if (indices.Producer is { Op: Reduce { Function: ReduceOp.ArgMax or ReduceOp.ArgMin } or TopK } node && ReferenceEquals(indices, node.Outputs[^1]))
            {
                IndexOutput? ByScores(Value scores, bool areAll) => graph.Outputs.Find(o => ReferenceEquals(o.Value, scores) && scores.Type.Element.IsFloat()) is { } of
                    ? new IndexOutput(output.Name, of.Name, node.Op, areAll) : null;
                if ((ByScores(node.Inputs[0], true) ?? (node.Outputs.Count > 1 ? ByScores(node.Outputs[0], false) : null)) is { } index)
                {
                    found.Add(index);
                }
            }
        }
        return found;
    }

    /// <summary>A binary has no graph, but a language model's outputs are known by name.</summary>
    public static IReadOnlyList<IndexOutput> Find(ProgramImage image) =>
        ProgramModel.FindNextToken(image) is { } token
            ? [new(token.Name, ProgramModel.Logits, new Reduce(ReduceOp.ArgMax, [token.Shape.Length], KeepDims: false))] : [];

    /// <summary>The indices that the operator gives for scores of all candidates, in the order of their elements.</summary>
    /// <param name="ranks">How many indices there are for each row of scores.</param>
    internal long[] Best(Tensor scores, int ranks) =>
        TensorMath.Longs((Op is TopK best ? best with { Count = ranks } : Op).Evaluate([scores], new Dictionary<string, long>())[^1]);

    /// <summary>The value whose integers these are, in the same order of elements.</summary>
    private static Value Origin(Value value)
    {
        while (value.Producer is { Op: Reshape or Cast } node && node.Inputs[0].Type.Element.IsInteger() && value.Type.Element.IsInteger())
        {
            value = node.Inputs[0];
        }
        return value;
    }
}
