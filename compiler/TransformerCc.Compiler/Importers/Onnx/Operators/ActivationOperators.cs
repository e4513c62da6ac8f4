using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Instructions;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Activation functions: those of the graph, and the others composed by their definition in the specification.</summary>
internal static class ActivationOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        ElementwiseOperators.Unary("Relu", UnaryOp.Relu, 1),
        ElementwiseOperators.Unary("Tanh", UnaryOp.Tanh, 1),
        ElementwiseOperators.Unary("Sigmoid", UnaryOp.Sigmoid, 1),
        new("Gelu", From(20, "X").Choice("approximate", "none", "tanh"), n => n.Return(n.Unary(n.Text("approximate", "none") == "tanh" ? UnaryOp.GeluTanh : UnaryOp.GeluErf, n.Value(0)))),
        new("Swish", From(24, "X").Float("alpha"), n => n.Return(Swish(n, n.Value(0), n.Float("alpha", 1)))),
        new("Softplus", From(1, "X"), n => n.Return(Softplus(n, n.Value(0)))),
        new("Mish", From(18, "X"), n => n.Return(n.Multiply(n.Value(0), n.Unary(UnaryOp.Tanh, Softplus(n, n.Value(0)))))),
        new("Softsign", From(1, "input"), n => n.Return(n.Divide(n.Value(0), n.Add(n.Unary(UnaryOp.Abs, n.Value(0)), Constant(n, 1))))),
        // max(x, 0) + slope · min(x, 0)
        new("LeakyRelu", OfOne(1, s => s.Float("alpha")), n => n.Return(n.Add(Positive(n), n.Multiply(Negative(n), Constant(n, n.Float("alpha", 0.01f)))))),
        new("PRelu", From(7, "X", "slope"), n => n.Return(n.Add(Positive(n), n.Multiply(Negative(n), n.Value(1))))),
        // max(x, 0) + α · (exp(min(x, 0)) − 1), and its relatives
        new("Elu", OfOne(1, s => s.Float("alpha")), n => n.Return(n.Add(Positive(n), n.Multiply(ExpMinusOne(n, Negative(n)), Constant(n, n.Float("alpha", 1)))))),
        new("Celu", From(12, "X").Float("alpha"), n =>
        {
            Value alpha = Constant(n, n.Float("alpha", 1));
            n.Return(n.Add(Positive(n), n.Multiply(ExpMinusOne(n, n.Divide(Negative(n), alpha)), alpha)));
        }),
        new("Selu", OfOne(1, s => s.Float("alpha", "gamma")), n => n.Return(n.Multiply(
            n.Add(Positive(n), n.Multiply(ExpMinusOne(n, Negative(n)), Constant(n, n.Float("alpha", 1.67326319217681884765625f)))),
            Constant(n, n.Float("gamma", 1.05070102214813232421875f))))),
        new("ThresholdedRelu", From(1, "X").Float("alpha"), n => n.Return(n.Select(n.Binary(BinaryOp.Greater, n.Value(0), Constant(n, n.Float("alpha", 1))), n.Value(0), Constant(n, 0)))),
        new("HardSigmoid", OfOne(1, s => s.Float("alpha", "beta")), n => n.Return(HardSigmoid(n, n.Float("alpha", 0.2f), n.Float("beta", 0.5f)))),
        new("Hardmax", From(13, "input").Int("axis"), Hardmax),
        new("Shrink", From(9, "input").Float("bias", "lambd"), Shrink),
        new("HardSwish", From(14, "X"), n => n.Return(n.Multiply(n.Value(0), HardSigmoid(n, 1f / 6, 0.5f)))),
    ];

    /// <summary>x · sigmoid(α·x).</summary>
    public static Value Swish(NodeContext n, Value x, float alpha) => alpha == 1
        ? n.Unary(UnaryOp.Silu, x)
        : n.Multiply(x, n.Unary(UnaryOp.Sigmoid, n.Multiply(x, n.Scalar(x.Type.Element, alpha))));

    /// <summary>log(1 + exp(x)) = max(x, 0) + log(1 + exp(−|x|)), which does not overflow.</summary>
    private static Value Softplus(NodeContext n, Value x)
    {
        Value small = n.Unary(UnaryOp.Exp, n.Unary(UnaryOp.Negate, n.Unary(UnaryOp.Abs, x)));
        return n.Add(n.Unary(UnaryOp.Relu, x), n.Unary(UnaryOp.Log, n.Add(small, n.Scalar(x.Type.Element, 1))));
    }

    /// <summary>max(0, min(1, α·x + β)).</summary>
    private static Value HardSigmoid(NodeContext n, float alpha, float beta)
    {
        Value line = n.Add(n.Multiply(n.Value(0), Constant(n, alpha)), Constant(n, beta));
        return n.Binary(BinaryOp.Max, n.Binary(BinaryOp.Min, line, Constant(n, 1)), Constant(n, 0));
    }

    /// <summary>1 where the first largest element along an axis is, 0 elsewhere.</summary>
    private static void Hardmax(NodeContext n)
    {
        Value x = n.Value(0);
        int axis = AxisRules.Normalize(n.Int("axis", -1), x.Type.Rank);
        Value best = n.Reduce(ReduceOp.ArgMax, x, [axis], keepDims: true);
        n.Return(n.Cast(n.Binary(BinaryOp.Equal, n.Positions(x.Type.Shape[axis], x.Type.Rank, axis), best), x.Type.Element));
    }

    /// <summary>x + bias below −λ, x − bias above λ, 0 between.</summary>
    private static void Shrink(NodeContext n)
    {
        Value x = n.Value(0), bias = Constant(n, n.Float("bias", 0)), lambda = Constant(n, n.Float("lambd", 0.5f));
        Value upper = n.Select(n.Binary(BinaryOp.Greater, x, lambda), n.Subtract(x, bias), Constant(n, 0));
        n.Return(n.Select(n.Binary(BinaryOp.Less, x, n.Unary(UnaryOp.Negate, lambda)), n.Add(x, bias), upper));
    }

    private static Value Positive(NodeContext n) => n.Binary(BinaryOp.Max, n.Value(0), Constant(n, 0));

    private static Value Negative(NodeContext n) => n.Binary(BinaryOp.Min, n.Value(0), Constant(n, 0));

    private static Value ExpMinusOne(NodeContext n, Value x) => n.Subtract(n.Unary(UnaryOp.Exp, x), Constant(n, 1));

    private static Value Constant(NodeContext n, double value) => n.Scalar(n.Type(0).Element, value);
}
