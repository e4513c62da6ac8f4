using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Analysis;

/// <summary>
/// The parameters of an imported graph: elements of float constants of more than one element, of byte matrices, and what
/// weights in quantised blocks stand for. Each constant counts once.
/// </summary>
internal static class ParameterCount
{
    public static long Of(Graph graph)
    {
        var counts = new Dictionary<Value, long>(ReferenceEqualityComparer.Instance);
        foreach (Node node in graph.Nodes)
        {
            foreach (Value value in node.Inputs.Where(v => v.ConstantData is { Count: > 1 } data && IsWeight(data)))
            {
                counts[value] = Logical(node, value) ?? value.ConstantData!.Count;
            }
        }
        return counts.Values.Sum();
    }

    private static bool IsWeight(Tensor data) => data.Type.IsFloat() || (data.Rank > 1 && data.Type is ElementType.I8 or ElementType.U8 or ElementType.I4 or ElementType.U4);

    /// <summary>Rows times columns of weights in blocks; null for others.</summary>
    private static long? Logical(Node node, Value value)
    {
        long rows = value.ConstantData!.Shape[..^1].ToArray().Aggregate(1L, (p, d) => p * d);
        DimExpr? columns = node.Op switch
        {
            DequantizeBlocks => node.Output.Type.Shape.Last,
            Gather { Rows: not null } when ReferenceEquals(value, node.Inputs[0]) => node.Output.Type.Shape.Last,
            Linear { Weights: not null } when ReferenceEquals(value, node.Inputs[1]) => node.Inputs[0].Type.Shape.Last,
            ExpertLinear { Weights: not null } when ReferenceEquals(value, node.Inputs[2]) => node.Inputs[0].Type.Shape.Last,
            _ => null,
        };
        return columns?.ConstantValue is { } width ? rows * width : null;
    }
}
