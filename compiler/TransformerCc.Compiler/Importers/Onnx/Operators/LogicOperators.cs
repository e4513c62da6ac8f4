using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Instructions;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Comparisons, logic and selection.</summary>
internal static class LogicOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        Binary("Equal", BinaryOp.Equal) with { Fold = Folding.Compare((x, a, b) => x.Equal(a, b)) },
        Binary("Less", BinaryOp.Less) with { Fold = Folding.Compare((x, a, b) => x.Less(a, b)) },
        Binary("Greater", BinaryOp.Greater) with { Fold = Folding.Compare((x, a, b) => x.Less(b, a)) },
        Binary("LessOrEqual", BinaryOp.LessOrEqual, 12) with { Fold = Folding.Compare((x, a, b) => !x.Less(b, a)) },
        Binary("GreaterOrEqual", BinaryOp.GreaterOrEqual, 12) with { Fold = Folding.Compare((x, a, b) => !x.Less(a, b)) },
        Binary("And", BinaryOp.And) with { Fold = Folding.Compare((_, a, b) => a.Constant != 0 && b.Constant != 0) },
        Binary("Or", BinaryOp.Or) with { Fold = Folding.Compare((_, a, b) => a.Constant != 0 || b.Constant != 0) },
        Binary("Xor", BinaryOp.Xor) with { Fold = Folding.Compare((_, a, b) => a.Constant != b.Constant) },
        Binary("BitwiseAnd", BinaryOp.And, 18),
        Binary("BitwiseOr", BinaryOp.Or, 18),
        Binary("BitwiseXor", BinaryOp.Xor, 18),
        // ¬x = −1 − x in two's complement, also of unsigned numbers modulo their width.
        new("BitwiseNot", From(18, "X"), n => n.Return(n.Subtract(n.Unary(UnaryOp.Negate, n.Value(0)), n.Scalar(n.Type(0).Element, 1)))),
        new("Not", From(1, "X"), n => n.Return(n.Unary(UnaryOp.Not, n.Value(0)))) { Fold = Folding.Map((_, _, x) => Exact.Of(x.Constant == 0)) },
        new("IsNaN", From(9, "X"), n => n.Return(n.Binary(BinaryOp.NotEqual, n.Value(0), n.Value(0)))),
        new("IsInf", From(10, "X").ZeroIsNo("detect_positive", "detect_negative"), IsInfinite),
        new("Where", From(9, "condition", "X", "Y"), n => n.Return(n.Select(n.Value(0), n.Value(1), n.Value(2)))) { Fold = FoldWhere },
    ];

    private static OperatorEntry Binary(string name, BinaryOp function, long since = 7) =>
        new(name, From(since, "A", "B"), n => n.Return(n.Binary(function, n.Value(0), n.Value(1))));

    private static void IsInfinite(NodeContext n)
    {
        Value infinity = n.Scalar(n.Type(0).Element, double.PositiveInfinity);
        bool positive = n.Int("detect_positive", 1) != 0, negative = n.Int("detect_negative", 1) != 0;
        Value x = (positive, negative) switch
        {
            (true, true) => n.Unary(UnaryOp.Abs, n.Value(0)),
            (false, true) => n.Unary(UnaryOp.Negate, n.Value(0)),
            _ => n.Value(0),
        };
        Value result = n.Binary(BinaryOp.Equal, x, infinity);
        n.Return(positive || negative ? result : n.Binary(BinaryOp.NotEqual, result, result));
    }

    /// <summary>An unknown condition between two equal elements does not matter.</summary>
    private static Contents? FoldWhere(NodeContext n, int output)
    {
        if (n.Contents(0) is not { } condition || n.Contents(1) is not { } a || n.Contents(2) is not { } b
            || Folding.Common(a.Shape, b.Shape) is not { } pair || Folding.Common(condition.Shape, pair) is not { } shape
            || condition.Broadcast(shape) is not { } c || a.Broadcast(shape) is not { } x || b.Broadcast(shape) is not { } y)
        {
            return null;
        }
        return new Contents(a.Type, shape, [.. c.Elements.Select((e, i) => e is { } known ? (known.Constant != 0 ? x.Elements[i] : y.Elements[i])
            : x.Elements[i] == y.Elements[i] ? x.Elements[i] : null)]);
    }
}
