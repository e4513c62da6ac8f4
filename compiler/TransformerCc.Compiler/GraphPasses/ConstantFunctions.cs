using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// The value of operators of constants, with the same bits on every machine. System.Math's exponentials and sines are the
/// host's and differ in the last bit, so those of the chip (<see cref="Elementary"/>) take their place; operators that hold
/// such functions inside are not evaluated.
/// </summary>
internal static class ConstantFunctions
{
    /// <summary>Null for an operator that only the chip may compute.</summary>
    public static Tensor? Evaluate(Node node)
    {
        Tensor[] inputs = [.. node.Inputs.Select(v => v.ConstantData!)];
        switch (node.Op)
        {
            case Reshape:
                return inputs[0].Reshape(Match.Sizes(node.Output.Type.Shape));
            case Unary { Function: var f } when inputs[0].Type.IsFloat() && IsHosts(f):
                return Of(f) is { } function ? Map(inputs[0], function) : null;
            case Binary { Function: BinaryOp.Pow } when inputs[0].Type.IsFloat():
                return Power(inputs[0], inputs[1]);
            case Softmax or Attention or CachedAttention or Gated or Linear { Activation: not null }:
                return null;
            default:
                return node.Op.Evaluate(inputs, new Dictionary<string, long>())[0];
        }
    }

    private static bool IsHosts(UnaryOp f) => f is UnaryOp.Exp or UnaryOp.Log or UnaryOp.Erf or UnaryOp.Tanh or UnaryOp.Sigmoid or UnaryOp.Silu or UnaryOp.GeluErf or UnaryOp.GeluTanh
        or UnaryOp.GeluQuick or UnaryOp.Sin or UnaryOp.Cos or UnaryOp.SoftCap;

    private static Func<float, float>? Of(UnaryOp f) => f switch
    {
        UnaryOp.Exp => Elementary.Exp,
        UnaryOp.Log => Elementary.Log,
        UnaryOp.Erf => Elementary.Erf,
        UnaryOp.Tanh => Elementary.Tanh,
        UnaryOp.Sigmoid => Elementary.Sigmoid,
        UnaryOp.Sin => Elementary.Sin,
        UnaryOp.Cos => Elementary.Cos,
        _ => null,
    };

    private static Tensor Map(Tensor x, Func<float, float> function) => TensorMath.FromDoubles(x.Type, x.Shape, Array.ConvertAll(TensorMath.Doubles(x), v => (double)function((float)v)));

    /// <summary>Squares and square roots are exact operations and stay so.</summary>
    private static Tensor Power(Tensor x, Tensor exponent)
    {
        long[] shape = Broadcasting.Shape(x.Shape, exponent.Shape);
        double[] bases = TensorMath.Doubles(x), exponents = TensorMath.Doubles(exponent), result = new double[Strided.Count(shape)];
        StridedWalk left = new(shape, Strided.Broadcast(x.Shape, shape)), right = new(shape, Strided.Broadcast(exponent.Shape, shape));
        for (int i = 0; i < result.Length; i++, left.Next(), right.Next())
        {
            double a = bases[left.Offset], b = exponents[right.Offset];
            result[i] = b switch { 1 => a, 2 => a * a, 0.5 => Math.Sqrt(a), -1 => 1 / a, _ => Elementary.Pow((float)a, (float)b) };
        }
        return TensorMath.FromDoubles(x.Type, shape, result);
    }
}
