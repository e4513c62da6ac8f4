using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// What ONNX Runtime's quantisers write (ContribOperators.md, 1.30): products of bytes that give floats, and operators
/// between bytes, which are the float operator between a conversion on each side.
/// </summary>
internal static class ContribQuantizationOperators
{
    private const string Microsoft = ContribOperators.Microsoft;

    private static readonly OperatorSignature s_between = From(1, "A", "A_scale", "A_zero_point?", "B", "B_scale", "B_zero_point?", "C_scale", "C_zero_point?");

    private static readonly OperatorSignature s_through = From(1, "X", "X_scale", "X_zero_point?", "Y_scale", "Y_zero_point?");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("QuantizeLinear", From(1, "x", "y_scale", "y_zero_point?").Int("axis"), QuantizationOperators.QuantizeLinear) { Domain = Microsoft },
        new("DequantizeLinear", From(1, "x", "x_scale", "x_zero_point?").Int("axis"), QuantizationOperators.DequantizeLinear) { Domain = Microsoft },
        new("MatMulIntegerToFloat", From(1, "A", "B", "a_scale", "b_scale", "a_zero_point?", "b_zero_point?", "bias?"), n => n.Return(ContribOperators.Sum(n, FloatProduct(n, n.Value(0), n.Value(1), n.Value(2), n.Value(3), Zero(n, 4), Zero(n, 5)), 6))) { Domain = Microsoft },
        new("DynamicQuantizeMatMul", From(1, "A", "B", "b_scale", "b_zero_point?", "bias?"), DynamicProduct) { Domain = Microsoft },
        new("QAttention",
            ContribAttentionOperators.Packed(From(1, "input", "weight", "bias", "input_scale", "weight_scale", "mask_index?", "input_zero_point?", "weight_zero_point?", "past?")), Attention) { Domain = Microsoft },
        new("QLinearAdd", s_between, n => Between(n, BinaryOp.Add)) { Domain = Microsoft },
        new("QLinearMul", s_between, n => Between(n, BinaryOp.Mul)) { Domain = Microsoft },
        new("QLinearSigmoid", s_through, n => Through(n, x => n.Unary(UnaryOp.Sigmoid, x))) { Domain = Microsoft },
        new("QLinearLeakyRelu", s_through.Float("alpha"), n => Through(n, x => n.Binary(BinaryOp.Max, x, n.Multiply(x, n.Scalar(ElementType.F32, n.Float("alpha", 0.01f)))))) { Domain = Microsoft },
        new("QLinearSoftmax", From(1, "X", "X_scale", "x_zero_point?", "y_scale", "y_zero_point").Int("axis", "opset").Required("opset"), n => Through(n, x => ReductionOperators.SoftmaxOf(n, x, n.Int("opset", 13)))) { Domain = Microsoft },
        new("QLinearConcat", From(1, "Y_scale", "Y_zero_point", "inputs*").Int("axis").Required("axis"), Concatenate) { Domain = Microsoft },
    ];

    private static Value? Zero(NodeContext n, int input) => n.Optional(input) is null ? null : n.Value(input);

    /// <summary>(A − a)·(B − b) as floats: its scale is the product of the two, which may be one for each column.</summary>
    private static Value FloatProduct(NodeContext n, Value a, Value b, Value scaleA, Value scaleB, Value? zeroA, Value? zeroB)
    {
        Value product = QuantizationOperators.IntegerProduct(n, a, b, zeroA, zeroB);
        return n.Multiply(n.Cast(product, ElementType.F32), n.Multiply(QuantizationOperators.One(n, scaleA), QuantizationOperators.One(n, scaleB)));
    }

    /// <summary>Inputs: A in floats, B, its scale, its zero point, a bias. A is quantised to u8 by its own range.</summary>
    private static void DynamicProduct(NodeContext n)
    {
        (Value a, Value scale, Value zero) = QuantizationOperators.ByRange(n, n.Value(0));
        n.Return(ContribOperators.Sum(n, FloatProduct(n, a, n.Value(1), scale, n.Value(2), zero, Zero(n, 3)), 4));
    }

    /// <summary>Inputs: x, weights, bias, scale of x, scale of the weights, mask, zero points of both, past.</summary>
    private static void Attention(NodeContext n)
    {
        Value projected = n.Add(FloatProduct(n, n.Value(0), n.Value(1), n.Value(3), n.Value(4), Zero(n, 6), Zero(n, 7)), n.Value(2));
        ContribAttentionOperators.PackedAttention(n, projected, past: 8, mask: 5, bias: null);
    }

    private static Value Float(NodeContext n, int x) => Dequantized(n, n.Value(x), n.Value(x + 1), Zero(n, x + 2));

    private static Value Dequantized(NodeContext n, Value x, Value scale, Value? zero)
    {
        Value shifted = n.Cast(x, ElementType.F32);
        shifted = zero is null ? shifted : n.Subtract(shifted, n.Cast(QuantizationOperators.One(n, zero), ElementType.F32));
        return n.Multiply(shifted, QuantizationOperators.One(n, scale));
    }

    private static void ReturnQuantized(NodeContext n, Value x, int scale, ElementType type) => n.Return(QuantizationOperators.Quantize(n,
        n.Divide(x, QuantizationOperators.One(n, n.Value(scale))), Zero(n, scale + 1) is { } zero ? QuantizationOperators.One(n, zero) : null, type));

    /// <summary>Inputs: a, its scale and zero point, b, its scale and zero point, scale and zero point of the result.</summary>
    private static void Between(NodeContext n, BinaryOp function) => ReturnQuantized(n, n.Binary(function, Float(n, 0), Float(n, 3)), 6, n.Type(0).Element);

    /// <summary>Inputs: x, its scale and zero point, scale and zero point of the result.</summary>
    private static void Through(NodeContext n, Func<Value, Value> function) => ReturnQuantized(n, function(Float(n, 0)), 3, n.Type(0).Element);

    /// <summary>Inputs: scale and zero point of the result, then each part with its own.</summary>
    private static void Concatenate(NodeContext n)
    {
        Value[] parts = [.. Enumerable.Range(0, (n.InputCount - 2) / 3).Select(i => Float(n, 2 + (3 * i)))];
        if (parts.Length == 0)
        {
            throw ImportException.Invalid("has no parts");
        }
        ReturnQuantized(n, n.Emit(new Concat(AxisRules.Normalize(n.Int("axis", 0), parts[0].Type.Rank)), parts), 0, n.Type(1).Element);
    }
}
