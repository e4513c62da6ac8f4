using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>A matrix of two numbers: element (i, j) of the last two dimensions is Inside where j ≤ i + Offset, else Outside.</summary>
internal readonly record struct CausalStep(DimExpr Offset, double Inside, double Outside)
{
    public CausalStep Map(Func<double, double> function) => this with { Inside = function(Inside), Outside = function(Outside) };
}

/// <summary>
/// Proves that a mask is a step along a diagonal, by following it through slices, casts, comparisons and arithmetic down
/// to a constant table, a triangle of one number, or a comparison of row and column indices.
/// </summary>
internal sealed class CausalSteps
{
    private const int Depth = 16;

    /// <summary>Tables are shared by the layers: each is looked at once.</summary>
    private readonly Dictionary<Value, CausalStep?> _tables = new(ReferenceEqualityComparer.Instance);

    public CausalStep? Of(Value value) => value.Type.Rank < 2 ? null : Of(value, Depth);

    private CausalStep? Of(Value value, int depth)
    {
        if (depth == 0)
        {
            return null;
        }
        if (value.ConstantData is { IsLong: false } data)
        {
            if (!_tables.TryGetValue(value, out CausalStep? known))
            {
                _tables[value] = known = OfTable(data);
            }
            return known;
        }
        if (value.Producer is not { } node)
        {
            return null;
        }
        return node.Op switch
        {
            Slice op => OfSlice(op, node.Inputs[0], depth),
            Reshape or Broadcast => SameMatrix(node.Inputs[0].Type.Shape, value.Type.Shape) ? Of(node.Inputs[0], depth - 1) : null,
            Cast op => op.To == ElementType.Bool ? Of(node.Inputs[0], depth - 1)?.Map(x => x != 0 ? 1 : 0) : op.To.IsFloat() || op.To.IsInteger() ? Of(node.Inputs[0], depth - 1) : null,
            Unary { Function: UnaryOp.Not or UnaryOp.Negate } op => Of(node.Inputs[0], depth - 1)?.Map(x => ScalarFunctions.Apply(op.Function, x)),
            Binary op => OfArithmetic(op.Function, node, depth) ?? OfIndices(op.Function, node),
            Select => OfSelect(node, depth),
            Trilu op when Match.Uniform(node.Inputs[0]) is { } number => op.Upper ? new CausalStep(op.Diagonal - 1, 0, number) : new CausalStep(op.Diagonal, number, 0),
            _ => null,
        };
    }

    private CausalStep? OfSlice(Slice op, Value x, int depth)
    {
        int rank = x.Type.Rank;
        return rank >= 2 && op.Steps[rank - 1] == 1 && op.Steps[rank - 2] == 1 && Of(x, depth - 1) is { } step
            ? step with { Offset = step.Offset + op.Starts[rank - 2] - op.Starts[rank - 1] } : null;
    }

    private CausalStep? OfArithmetic(BinaryOp function, Node node, int depth)
    {
        if (Match.Uniform(node.Inputs[1]) is { } right)
        {
            return Of(node.Inputs[0], depth - 1)?.Map(x => ScalarFunctions.Apply(function, x, right));
        }
        return Match.Uniform(node.Inputs[0]) is { } left ? Of(node.Inputs[1], depth - 1)?.Map(x => ScalarFunctions.Apply(function, left, x)) : null;
    }

    private CausalStep? OfSelect(Node node, int depth) =>
        Match.Uniform(node.Inputs[1]) is { } whenTrue && Match.Uniform(node.Inputs[2]) is { } whenFalse
            ? Of(node.Inputs[0], depth - 1)?.Map(x => x != 0 ? whenTrue : whenFalse) : null;

    /// <summary>column ∘ row for the comparisons.</summary>
    private static CausalStep? OfIndices(BinaryOp function, Node node)
    {
        if (IndexRamp.Of(node.Inputs[0]) is not { } a || IndexRamp.Of(node.Inputs[1]) is not { } b || (a.FromEnd, b.FromEnd) is not ((1, 2) or (2, 1)))
        {
            return null;
        }
        if (a.FromEnd == 2)
        {
            (a, b) = (b, a);
            function = function switch
            {
                BinaryOp.Less => BinaryOp.Greater,
                BinaryOp.LessOrEqual => BinaryOp.GreaterOrEqual,
                BinaryOp.Greater => BinaryOp.Less,
                BinaryOp.GreaterOrEqual => BinaryOp.LessOrEqual,
                _ => function,
            };
        }
        DimExpr offset = b.Start - a.Start;
        return function switch
        {
            BinaryOp.LessOrEqual => new CausalStep(offset, 1, 0),
            BinaryOp.Less => new CausalStep(offset - 1, 1, 0),
            BinaryOp.Greater => new CausalStep(offset, 0, 1),
            BinaryOp.GreaterOrEqual => new CausalStep(offset - 1, 0, 1),
            _ => null,
        };
    }

    private static bool SameMatrix(EquatableArray<DimExpr> a, EquatableArray<DimExpr> b) =>
        a.Count >= 2 && b.Count >= 2 && a.Last == b.Last && a[a.Count - 2] == b[b.Count - 2];

    private static CausalStep? OfTable(Tensor data)
    {
        if (data.Rank < 2 || data.Count == 0 || data.Shape[^1] < 2)
        {
            return null;
        }
        double[] values = TensorMath.Doubles(data);
        long rows = data.Shape[^2], columns = data.Shape[^1];
        double inside = values[0], outside = values[columns - 1];
        long offset = Array.FindIndex(values, 0, (int)columns, x => !x.Equals(inside)) - 1;
        if (offset < 0)
        {
            return null;
        }
        for (long at = 0; at < values.Length; at++)
        {
            if (!values[at].Equals(at % columns <= (at / columns % rows) + offset ? inside : outside))
            {
                return null;
            }
        }
        return new CausalStep(offset, inside, outside);
    }
}
