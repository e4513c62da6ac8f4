using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Analysis;

/// <summary>Where the operations of a node are done, and under which heading they are counted.</summary>
public enum ArithmeticKind
{
    /// <summary>Products with weights.</summary>
    Linear,
    /// <summary>Products of two computed matrices.</summary>
    MatMul,
    Conv,
    Attention,
    /// <summary>Everything outside the matrix engine.</summary>
    Other,
}

/// <summary>
/// The operations of one node as an expression over the graph's dimensions: two for each multiply-add of a product, one for
/// each element of any other result. Data movement counts nothing.
/// </summary>
public readonly record struct NodeArithmetic(ArithmeticKind Kind, DimExpr Operations)
{
    /// <exception cref="OverflowException">The coefficients exceed 64 bits.</exception>
    public static NodeArithmetic Of(Node node) => node.Op switch
    {
        Linear or ExpertLinear => new(ArithmeticKind.Linear, Products(node, node.Inputs[0].Type.Shape.Last)),
        MatMul => new(node.Inputs.Exists(v => v.IsConstant || Match.IsWeight(v)) ? ArithmeticKind.Linear : ArithmeticKind.MatMul, Products(node, node.Inputs[0].Type.Shape.Last)),
        Conv => new(ArithmeticKind.Conv, Products(node, DimExpr.Product(node.Inputs[1].Type.Shape.Skip(1)))),
        // As if the cache were full: how much of it is visible arrives with the tensors.
        CachedAttention op => new(ArithmeticKind.Attention, 4 * op.Query.Split(node.Inputs[0].Type.Shape.AsSpan()).Sequence * op.Slots(node.Inputs) * HeadsAndWidth(op, node)),
        Attention op => new(ArithmeticKind.Attention, OfAttention(op, node)),
        Reduce or Softmax or CumSum or TopK or Norm => new(ArithmeticKind.Other, node.Inputs[0].Type.Count),
        Unary or Binary or Select or Gated or Rope => new(ArithmeticKind.Other, node.Output.Type.Count),
        _ => new(ArithmeticKind.Other, DimExpr.Zero),
    };

    private static DimExpr HeadsAndWidth(CachedAttention op, Node node)
    {
        (DimExpr batch, DimExpr heads, _, DimExpr width) = op.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        return batch * heads * width;
    }

    private static DimExpr Products(Node node, DimExpr depth) => 2 * node.Output.Type.Count * depth;

    /// <summary>
    /// Each visible pair of query and key costs a product over the width of a key and one over that of a value. Under a
    /// causal limit, query i of Q sees offset + 1 + i keys, together Q·(offset + 1) + Q·(Q − 1)/2.
    /// </summary>
    private static DimExpr OfAttention(Attention op, Node node)
    {
        (DimExpr batch, DimExpr heads, DimExpr queries, DimExpr width) = op.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (_, _, DimExpr keys, _) = op.Key.Split(node.Inputs[1].Type.Shape.AsSpan());
        DimExpr valueWidth = node.Inputs[2].Type.Shape[op.Value.Axes().Width];
        bool exactlyCausal = op.CausalOffset is { } offset && offset + queries == keys;
        DimExpr twicePairs = exactlyCausal ? queries * ((2 * (op.CausalOffset! + 1)) + queries - 1) : 2 * queries * keys;
        return batch * heads * twicePairs * (width + valueWidth);
    }
}
