using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Analysis;

/// <summary>The operations of a graph by kind, as expressions over its dimensions. Count an optimised graph: each pass takes some away.</summary>
public sealed record ArithmeticCount(IReadOnlyDictionary<ArithmeticKind, DimExpr> ByKind)
{
    /// <summary>What the matrix engine does: all kinds but <see cref="ArithmeticKind.Other"/>.</summary>
    public DimExpr Products => DimExpr.Sum(ByKind.Where(k => k.Key != ArithmeticKind.Other).Select(k => k.Value));

    public DimExpr Other => ByKind[ArithmeticKind.Other];

    /// <summary>Null when the count exceeds 64 bits.</summary>
    public static ArithmeticCount? Of(Graph graph)
    {
        try
        {
            NodeArithmetic[] nodes = [.. graph.Nodes.Select(NodeArithmetic.Of)];
            return new ArithmeticCount(Enum.GetValues<ArithmeticKind>().ToDictionary(k => k, k => DimExpr.Sum(nodes.Where(n => n.Kind == k).Select(n => n.Operations))));
        }
        catch (OverflowException)
        {
            return null;
        }
    }
}
