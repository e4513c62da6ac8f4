using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>A tensor of row or column indices: Start + index of the dimension that lies FromEnd from the end (1 is the last).</summary>
internal readonly record struct IndexRamp(int FromEnd, DimExpr Start)
{
    private const int Depth = 12;

    public static IndexRamp? Of(Value value, int depth = Depth)
    {
        if (depth == 0 || value.Producer is not { } node)
        {
            return null;
        }
        switch (node.Op)
        {
            case Iota { Step: 1 } op:
                return new IndexRamp(op.Shape.Count - op.Axis, op.Start);
            case Cast { To: not Isa.Tensors.ElementType.Bool }:
                return Of(node.Inputs[0], depth - 1);
            case Broadcast:
                return Of(node.Inputs[0], depth - 1);
            case Reshape when Of(node.Inputs[0], depth - 1) is { } ramp:
                // A vector among dimensions of one element: find where its dimension went.
                Value x = node.Inputs[0];
                DimExpr extent = x.Type.Shape[x.Type.Rank - ramp.FromEnd];
                int[] places = [.. Enumerable.Range(0, value.Type.Rank).Where(d => !value.Type.Shape[d].Is(1))];
                return x.Type.Count == extent && places is [var place] && value.Type.Shape[place] == extent ? ramp with { FromEnd = value.Type.Rank - place } : null;
            case Binary { Function: BinaryOp.Add }:
                return Shifted(node.Inputs[0], node.Inputs[1], 1, depth) ?? Shifted(node.Inputs[1], node.Inputs[0], 1, depth);
            case Binary { Function: BinaryOp.Sub }:
                return Shifted(node.Inputs[0], node.Inputs[1], -1, depth);
            default:
                return null;
        }
    }

    private static IndexRamp? Shifted(Value x, Value amount, long sign, int depth) =>
        Amount(amount) is { } by && Of(x, depth - 1) is { } ramp ? ramp with { Start = ramp.Start + (by * sign) } : null;

    /// <summary>A whole number known as a constant or as a dimension.</summary>
    private static DimExpr? Amount(Value value)
    {
        while (value.Producer is { Op: Cast or Reshape } node)
        {
            value = node.Inputs[0];
        }
        if (value.Producer is { Op: ShapeValue { Elements: [var element] } })
        {
            return element;
        }
        return Match.Uniform(value) is { } number && number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue ? (long)number : null;
    }
}
