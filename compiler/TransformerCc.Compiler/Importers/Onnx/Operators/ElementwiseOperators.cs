using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Arithmetic, element by element, with numpy broadcasting (operator set 7 and later).</summary>
internal static class ElementwiseOperators
{
    private static readonly OperatorSignature[] s_variadic = [From(1, "data_0*").Unused(AttributeKind.Ints, "consumed_inputs", MemoryHint), From(6, "data_0*")];

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        Binary("Add", BinaryOp.Add, (n, t, a, b) => n.Exact.Add(t, a, b)),
        Binary("Sub", BinaryOp.Sub, (n, t, a, b) => n.Exact.Subtract(t, a, b)),
        Binary("Mul", BinaryOp.Mul, (n, t, a, b) => n.Exact.Multiply(t, a, b)),
        Binary("Div", BinaryOp.Div, (n, t, a, b) => n.Exact.Divide(t, a, b)),
        new("Mod", From(10, "A", "B").Flag("fmod"), n => n.Return(n.Binary(n.Int("fmod", 0) != 0 ? BinaryOp.Rem : BinaryOp.Mod, n.Value(0), n.Value(1))))
        {
            Fold = Folding.Zip((n, t, a, b) => n.Exact.Modulo(t, a, b, signOfDividend: n.Int("fmod", 0) != 0)),
        },
        new("Pow", From(7, "X", "Y"), Power),
        Variadic("Min", BinaryOp.Min) with { Fold = Folding.Zip((n, t, a, b) => n.Exact.Minimum(t, a, b)) },
        Variadic("Max", BinaryOp.Max) with { Fold = Folding.Zip((n, t, a, b) => n.Exact.Maximum(t, a, b)) },
        Variadic("Sum", BinaryOp.Add),
        new("Mean", s_variadic, n =>
        {
            Value sum = Chain(n, BinaryOp.Add);
            n.Return(n.Divide(sum, n.Scalar(sum.Type.Element, n.InputCount)));
        }),
        Unary("Neg", UnaryOp.Negate, 1) with { Fold = Folding.Map((n, t, x) => n.Exact.Negate(t, x)) },
        Unary("Abs", UnaryOp.Abs, 1) with { Fold = Folding.Map((n, t, x) => n.Exact.Absolute(t, x)) },
        Unary("Floor", UnaryOp.Floor, 1) with { Fold = Folding.Map((n, t, x) => n.Exact.Floor(t, x)) },
        Unary("Ceil", UnaryOp.Ceil, 1) with { Fold = Folding.Map((n, t, x) => n.Exact.Ceiling(t, x)) },
        Unary("Round", UnaryOp.Round, 11),
        Unary("Sign", UnaryOp.Sign, 9),
        Unary("Exp", UnaryOp.Exp, 1),
        Unary("Log", UnaryOp.Log, 1),
        Unary("Sqrt", UnaryOp.Sqrt, 1),
        Unary("Reciprocal", UnaryOp.Reciprocal, 1),
        Unary("Erf", UnaryOp.Erf, 9),
        Unary("Sin", UnaryOp.Sin, 7),
        Unary("Cos", UnaryOp.Cos, 7),
        new("Tan", OfOne(7), n => n.Return(n.Divide(n.Unary(UnaryOp.Sin, n.Value(0)), n.Unary(UnaryOp.Cos, n.Value(0))))),
        // (eˣ − e⁻ˣ)/2 and (eˣ + e⁻ˣ)/2
        new("Sinh", OfOne(9), n => n.Return(HalfOfExponentials(n, BinaryOp.Sub))),
        new("Cosh", OfOne(9), n => n.Return(HalfOfExponentials(n, BinaryOp.Add))),
        new("Clip", [.. OfOne(1, s => s.AnyFloat("min", "max")), From(11, "input", "min?", "max?")], Clip),
    ];

    /// <param name="since">The version of the operator set that brought it.</param>
    public static OperatorEntry Unary(string name, UnaryOp function, long since) => new(name, OfOne(since), n => n.Return(n.Unary(function, n.Value(0))));

    private static OperatorEntry Binary(string name, BinaryOp function, Func<NodeContext, ElementType, Exact, Exact, Exact?> fold) =>
        new(name, From(7, "A", "B"), n => n.Return(n.Binary(function, n.Value(0), n.Value(1)))) { Fold = Folding.Zip(fold) };

    private static OperatorEntry Variadic(string name, BinaryOp function) => new(name, s_variadic, n =>
    {
        if (n.InputCount == 1)
        {
            n.Forward(n.Input(0));
            return;
        }
        n.Return(Chain(n, function));
    });

    private static Value HalfOfExponentials(NodeContext n, BinaryOp function)
    {
        Value rising = n.Unary(UnaryOp.Exp, n.Value(0)), falling = n.Unary(UnaryOp.Exp, n.Unary(UnaryOp.Negate, n.Value(0)));
        return n.Multiply(n.Binary(function, rising, falling), n.Scalar(rising.Type.Element, 0.5));
    }

    private static Value Chain(NodeContext n, BinaryOp function)
    {
        Value result = n.Value(0);
        for (int i = 1; i < n.InputCount; i++)
        {
            result = n.Binary(function, result, n.Value(i));
        }
        return result;
    }

    /// <summary>Base and exponent may have different types; the result has that of the base.</summary>
    private static void Power(NodeContext n)
    {
        Value x = n.Value(0);
        switch (n.Scalar(1))
        {
            case 2 when n.Rank(1) <= x.Type.Rank:
                n.Return(n.Multiply(x, x));
                break;
            case 0.5 when x.Type.Element.IsFloat() && n.Rank(1) <= x.Type.Rank:
                n.Return(n.Unary(UnaryOp.Sqrt, x));
                break;
            default:
                Value exponent = n.Value(1);
                ElementType common = x.Type.Element.IsFloat() || !exponent.Type.Element.IsFloat() ? x.Type.Element : exponent.Type.Element;
                n.Return(n.Cast(n.Binary(BinaryOp.Pow, n.Cast(x, common), n.Cast(exponent, common)), x.Type.Element));
                break;
        }
    }

    /// <summary>Bounds are attributes before operator set 11, optional inputs since.</summary>
    private static void Clip(NodeContext n)
    {
        Value x = n.Value(0);
        Value? Bound(int input, string attribute) => n.Optional(input) is not null ? n.Value(input)
            : n.OptionalFloat(attribute) is { } number ? n.Scalar(x.Type.Element, number) : null;
        if (Bound(1, "min") is { } low)
        {
            x = n.Binary(BinaryOp.Max, x, low);
        }
        if (Bound(2, "max") is { } high)
        {
            x = n.Binary(BinaryOp.Min, x, high);
        }
        n.Return(x);
    }
}
