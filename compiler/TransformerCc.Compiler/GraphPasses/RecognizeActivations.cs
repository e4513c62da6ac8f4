using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// SiLU, the GELUs and gated units. Each is a product of x and one other factor that is a function of x: sigmoid(k·x),
/// 1 + erf(x/√2), or 1 + tanh(√(2/π)·(x + 0.044715·x³)) (Hendrycks and Gimpel 2016); the constants tell which.
/// </summary>
public sealed class RecognizeActivations : RewritePass
{
    private static readonly double RootTwoOverPi = Math.Sqrt(2 / Math.PI);

    public override string Name => "recognize-activations";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        if (!node.Output.Type.Element.IsFloat())
        {
            return null;
        }
        return node.Op switch
        {
            Unary { Function: UnaryOp.Reciprocal } => Sigmoid(node, editor),
            Binary { Function: BinaryOp.Mul or BinaryOp.Div } => Weighted(node.Output, editor) ?? GatedUnit(node, editor),
            _ => null,
        };
    }

    /// <summary>1/(1 + exp(−x)).</summary>
    private static Value? Sigmoid(Node node, GraphEditor editor) =>
        Match.WithScalar(node.Inputs[0], BinaryOp.Add, out Value exp, out double one) && one == 1
        && Match.Unary(exp, UnaryOp.Exp, out Value negated) && Match.Unary(negated, UnaryOp.Negate, out Value x)
            ? editor.Add(new Unary(UnaryOp.Sigmoid), [x]) : null;

    private static Value? Weighted(Value value, GraphEditor editor)
    {
        foreach ((Value weight, double exponent) in Factors.Of(value).Items)
        {
            foreach ((UnaryOp function, Value x, double coefficient) in exponent == 1 ? Functions(weight) : [])
            {
                Factors factors = Factors.Of(value, x, weight);
                if (x.Type == value.Type && Match.Near(factors.Coefficient, coefficient) && factors.AreExactly((x, 1), (weight, 1)))
                {
                    return editor.Add(new Unary(function), [x]);
                }
            }
        }
        return null;
    }

    /// <summary>What x·weight·coefficient could be.</summary>
    private static IEnumerable<(UnaryOp Function, Value X, double Coefficient)> Functions(Value weight)
    {
        if (Match.Unary(weight, UnaryOp.Sigmoid, out Value u))
        {
            yield return (UnaryOp.Silu, u, 1);
            if (Match.Scaled(u, out Value x, out double k) && Match.Near(k, 1.702))
            {
                yield return (UnaryOp.GeluQuick, x, 1);
            }
            yield break;
        }
        if (!OnePlus(weight, out Value function, out double share))
        {
            yield break;
        }
        if (Match.Unary(function, UnaryOp.Erf, out u) && Match.Scaled(u, out Value scaled, out double root) && Match.Near(root, Math.Sqrt(0.5)))
        {
            yield return (UnaryOp.GeluErf, scaled, 0.5 / share);
        }
        if (Match.Unary(function, UnaryOp.Tanh, out u) && Cubic(u) is { } cubed)
        {
            yield return (UnaryOp.GeluTanh, cubed, 0.5 / share);
        }
    }

    /// <summary>weight = share·(1 + f).</summary>
    private static bool OnePlus(Value weight, out Value function, out double share)
    {
        function = weight;
        if (!Match.WithScalar(weight, BinaryOp.Add, out Value term, out share))
        {
            return false;
        }
        Factors factors = Factors.Of(term);
        if (factors.Items.Count != 1 || factors.Items[0].Exponent != 1 || !Match.Near(factors.Coefficient, share))
        {
            return false;
        }
        function = factors.Items[0].Value;
        return true;
    }

    /// <summary>The x of √(2/π)·(x + 0.044715·x³), or of √(2/π)·x·(1 + 0.044715·x²).</summary>
    private static Value? Cubic(Value u)
    {
        Factors outer = Factors.Of(u);
        if (!Match.Near(outer.Coefficient, RootTwoOverPi))
        {
            return null;
        }
        foreach ((Value sum, _) in outer.Items)
        {
            if (Match.Binary(sum, BinaryOp.Add, out Value a, out Value b))
            {
                foreach ((Value x, Value cube) in new[] { (a, b), (b, a) })
                {
                    Factors inner = Factors.Of(cube, x);
                    if (Match.Near(inner.Coefficient, 0.044715) && inner.AreExactly((x, 3)) && outer.AreExactly((sum, 1)))
                    {
                        return x;
                    }
                }
            }
            if (Match.WithScalar(sum, BinaryOp.Add, out Value square, out double one) && one == 1)
            {
                Factors inner = Factors.Of(square);
                if (Match.Near(inner.Coefficient, 0.044715) && inner.Items is [(Value x, 2)] && Factors.Of(u, x).AreExactly((x, 1), (sum, 1)))
                {
                    return x;
                }
            }
        }
        return null;
    }

    /// <summary>activation(gate)·up.</summary>
    private static Value? GatedUnit(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2 && node.Op is Binary { Function: BinaryOp.Mul }; i++)
        {
            (Value gate, Value up) = (node.Inputs[i], node.Inputs[1 - i]);
            if (Match.Node(gate, out Node activation, out Unary op) && IsActivation(op.Function) && editor.Uses(gate) == 1 && gate.Type == up.Type && !up.IsConstant)
            {
                return editor.Add(new Gated(op.Function), [activation.Inputs[0], up]);
            }
        }
        return null;
    }

    /// <summary>The functions of gated units: SwiGLU, GeGLU, ReGLU and GLU (Shazeer 2020).</summary>
    private static bool IsActivation(UnaryOp function) =>
        function is UnaryOp.Silu or UnaryOp.GeluErf or UnaryOp.GeluTanh or UnaryOp.GeluQuick or UnaryOp.Relu or UnaryOp.Sigmoid;
}
