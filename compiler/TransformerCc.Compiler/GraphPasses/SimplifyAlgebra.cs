using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Identities of arithmetic: neutral elements, powers as products and roots, casts that change nothing, elementwise
/// operands that need not be broadcast, gathers whose indices are known.
/// </summary>
public sealed class SimplifyAlgebra : RewritePass
{
    public override string Name => "simplify-algebra";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context) => node.Op switch
    {
        Cast => SimplifyCast(node, editor),
        Binary op => SimplifyBinary(op.Function, node, editor) ?? WithoutBroadcast(node, editor),
        Unary { Function: UnaryOp.Copy } => node.Inputs[0],
        Unary op => SimplifyUnary(op.Function, node, editor),
        Gather op => SimplifyGather(op, node, editor),
        _ => null,
    };

    private static Value? SimplifyCast(Node node, GraphEditor editor)
    {
        Value x = node.Inputs[0];
        if (x.Type.Element == node.Output.Type.Element)
        {
            return x;
        }
        return Match.Node(x, out Node inner, out Cast _) && Widens(inner.Inputs[0].Type.Element, x.Type.Element)
            ? inner.Inputs[0].Type.Element == node.Output.Type.Element ? inner.Inputs[0] : editor.Add(node.Op, [inner.Inputs[0]])
            : null;
    }

    /// <summary>Whether every value of one type is a value of the other.</summary>
    private static bool Widens(ElementType from, ElementType to) => (from, to) switch
    {
        (ElementType.Bool, _) => true,
        (ElementType.F16 or ElementType.BF16, ElementType.F32 or ElementType.F64) or (ElementType.F32, ElementType.F64) => true,
        (ElementType.I32, ElementType.I64 or ElementType.F64) or (ElementType.I16, ElementType.I32 or ElementType.I64 or ElementType.F32) => true,
        (ElementType.I8 or ElementType.U8, ElementType.I16 or ElementType.I32 or ElementType.I64 or ElementType.F32) => true,
        _ => false,
    };

    private static Value? SimplifyUnary(UnaryOp function, Node node, GraphEditor editor)
    {
        Value x = node.Inputs[0];
        return function switch
        {
            UnaryOp.Negate when Match.Unary(x, UnaryOp.Negate, out Value y) => y,
            UnaryOp.Not when Match.Unary(x, UnaryOp.Not, out Value y) && y.Type == node.Output.Type => y,
            UnaryOp.Reciprocal when Match.Unary(x, UnaryOp.Sqrt, out Value y) => editor.Add(new Unary(UnaryOp.Rsqrt), [y]),
            _ => null,
        };
    }

    private static Value? SimplifyBinary(BinaryOp function, Node node, GraphEditor editor)
    {
        (Value a, Value b) = (node.Inputs[0], node.Inputs[1]);
        double? left = Match.Uniform(a), right = Match.Uniform(b);
        TensorType type = node.Output.Type;
        bool isFloat = type.Element.IsFloat();
        if (a.Type == type && (function, right) is (BinaryOp.Add or BinaryOp.Sub, 0) or (BinaryOp.Mul or BinaryOp.Div or BinaryOp.Pow, 1))
        {
            return a;
        }
        if (b.Type == type && (function, left) is (BinaryOp.Add, 0) or (BinaryOp.Mul, 1))
        {
            return b;
        }
        return (function, left, right) switch
        {
            (BinaryOp.Div, 1, _) when isFloat && b.Type == type => editor.Add(new Unary(UnaryOp.Reciprocal), [b]),
            (BinaryOp.Pow, _, 2) when a.Type == type => editor.Add(new Binary(BinaryOp.Mul), [a, a]),
            (BinaryOp.Pow, _, 0.5) when a.Type == type && isFloat => editor.Add(new Unary(UnaryOp.Sqrt), [a]),
            (BinaryOp.Pow, _, -0.5) when a.Type == type && isFloat => editor.Add(new Unary(UnaryOp.Rsqrt), [a]),
            (BinaryOp.Pow, _, -1) when a.Type == type && isFloat => editor.Add(new Unary(UnaryOp.Reciprocal), [a]),
            _ => null,
        };
    }

    /// <summary>x ∘ broadcast(y) = x ∘ y where the result keeps its shape.</summary>
    private static Value? WithoutBroadcast(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2; i++)
        {
            Value other = node.Inputs[1 - i];
            if (Match.Node(node.Inputs[i], out Node broadcast, out Broadcast _) && other.Type.Shape == node.Output.Type.Shape)
            {
                Value narrow = broadcast.Inputs[0];
                return editor.Add(node.Op, i == 0 ? [narrow, other] : [other, narrow]);
            }
        }
        return null;
    }

    /// <summary>A gather of one known row, or of rows start, start + 1, …, is a slice.</summary>
    private static Value? SimplifyGather(Gather op, Node node, GraphEditor editor)
    {
        (Value data, Value indices) = (node.Inputs[0], node.Inputs[1]);
        DimExpr extent = data.Type.Shape[op.Axis];
        (DimExpr Start, DimExpr Size)? rows = null;
        if (indices.ConstantData is { Count: 1 } one && TensorMath.Longs(one)[0] is var row)
        {
            rows = (row < 0 ? extent + row : row, 1);
        }
        else if (Match.Node(indices, out Node _, out Iota iota) && iota.Step == 1 && iota.Shape.Count == 1 && iota.Start.Is(0))
        {
            rows = (0, iota.Shape[0]);
        }
        // A row outside of the table is left to the gather, whose meaning is to trap.
        if (rows is not { } r || !IsInside(r.Start, r.Size, extent))
        {
            return null;
        }
        DimExpr[] starts = [.. data.Type.Shape.Select(_ => DimExpr.Zero)], sizes = [.. data.Type.Shape];
        (starts[op.Axis], sizes[op.Axis]) = (r.Start, r.Size);
        Value slice = editor.Add(new Slice(starts.ToEquatableArray(), sizes.ToEquatableArray(), starts.Select(_ => 1L).ToEquatableArray()), [data]);
        return slice.Type == node.Output.Type ? slice : editor.Add(new Reshape(node.Output.Type.Shape), [slice]);
    }

    private static bool IsInside(DimExpr start, DimExpr size, DimExpr extent) =>
        start.ConstantValue is not < 0 && (extent - start - size).ConstantValue is not < 0;
}
