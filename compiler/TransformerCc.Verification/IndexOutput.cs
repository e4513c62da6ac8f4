using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Verification;

/// <summary>
/// An output that says where another is largest or smallest: a greedy token beside its logits. Which of two nearly equal
/// numbers wins is a matter of rounding, which is judged where the numbers are; the place must be that of the numbers beside it.
/// </summary>
/// <param name="Of">The output with the numbers.</param>
public sealed record IndexOutput(string Name, string Of, Reduce Op)
{
    public static IReadOnlyList<IndexOutput> Find(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return [.. from output in graph.Outputs
            where output.Value.Producer is { Op: Reduce { Function: ReduceOp.ArgMax or ReduceOp.ArgMin } }
            from source in graph.Outputs
            where ReferenceEquals(source.Value, output.Value.Producer!.Inputs[0]) && source.Value.Type.Element.IsFloat()
            select new IndexOutput(output.Name, source.Name, (Reduce)output.Value.Producer!.Op)];
    }

    /// <summary>A binary has no graph, but a language model's outputs are known by name.</summary>
    public static IReadOnlyList<IndexOutput> Find(ProgramImage image) =>
        ProgramModel.FindNextToken(image) is { } token ? [new(token.Name, ProgramModel.Logits, new Reduce(ReduceOp.ArgMax, [token.Shape.Length], KeepDims: false))] : [];

    /// <summary>The goldens, with those of such outputs made from the actual numbers.</summary>
    public static IReadOnlyDictionary<string, Tensor> Follow(IReadOnlyList<IndexOutput> outputs, IReadOnlyDictionary<string, Tensor> goldens, IReadOnlyDictionary<string, Tensor> actual)
    {
        ArgumentNullException.ThrowIfNull(outputs);
        ArgumentNullException.ThrowIfNull(goldens);
        ArgumentNullException.ThrowIfNull(actual);
        if (outputs.Count == 0)
        {
            return goldens;
        }
        var followed = goldens.ToDictionary(StringComparer.Ordinal);
        foreach (IndexOutput output in outputs)
        {
            if (actual.TryGetValue(output.Of, out Tensor? numbers) && goldens.TryGetValue(output.Of, out Tensor? golden) && numbers.Shape.SequenceEqual(golden.Shape))
            {
                followed[output.Name] = output.Op.Evaluate([numbers], new Dictionary<string, long>())[0];
            }
        }
        return followed;
    }
}
