using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// activation(x·w + bias) + residual: x [..., K], w [K, N], bias [N], residual of the result's shape [..., N]. Passes make
/// it where w is a constant; the operands follow in this order, absent ones left out.
/// </summary>
/// <param name="Transposed">w is [N, K], as PyTorch and GGUF store it: one row for each column of the result.</param>
/// <param name="Weights">w is u8 [N, bytes of K elements] in this block format, and <paramref name="Transposed"/>.</param>
public sealed record Linear(UnaryOp? Activation, bool HasBias, bool HasResidual, bool Transposed = false, BlockFormat? Weights = null) : Operator, IOperator<Linear>
{
    public static string OperatorName => "linear";

    public override string Name => OperatorName;

    public static Linear Read(IAttributeReader reader) => new(reader.Has("activation") ? reader.Word<UnaryOp>("activation") : null,
        reader.Flag("bias"), reader.Flag("residual"), reader.Flag("transposed"), reader.OptionalBlocks("weights"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        if (Activation is { } activation)
        {
            visitor.Word("activation", activation);
        }
        visitor.Flag("bias", HasBias);
        visitor.Flag("residual", HasResidual);
        visitor.Flag("transposed", Transposed);
        visitor.OptionalBlocks("weights", Weights);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 2 + (HasBias ? 1 : 0) + (HasResidual ? 1 : 0), $"x, w{(HasBias ? ", bias" : "")}{(HasResidual ? ", residual" : "")}");
        TensorType x = inputs[0], w = inputs[1];
        ShapeRules.ExpectFloat(x, "x");
        ShapeRules.Expect(x.Rank >= 1, "x must have a dimension");
        ShapeRules.ExpectRank(w, 2, "w");
        ShapeRules.Expect(Transposed || Weights is null, "weights in blocks are transposed");
        WeightRows.ExpectDepth(w, Weights, x.Shape.Last, Transposed ? 1 : 0);
        DimExpr columns = w.Shape[Transposed ? 0 : 1];
        EquatableArray<DimExpr> shape = [.. x.Shape.Take(x.Rank - 1), columns];
        if (HasBias)
        {
            ShapeRules.ExpectFloat(inputs[2], "bias");
            ShapeRules.ExpectRank(inputs[2], 1, "bias");
            ShapeRules.ExpectEqual(inputs[2].Shape[0], columns, "the width of bias", "the width of w");
        }
        if (HasResidual)
        {
            ShapeRules.Expect(inputs[inputs.Count - 1] == new TensorType(x.Element, shape), $"residual {inputs[inputs.Count - 1]} must have the type of the result, {x.Element.Name()}{shape}");
        }
        return ShapeRules.One(x.Element, shape);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0], w = inputs[1];
        long depth = x.Shape[^1], columns = w.Shape[Transposed ? 0 : 1], rows = Strided.Count(x.Shape[..^1]);
        var result = new double[checked(rows * columns)];
        if (Transposed)
        {
            WeightRows.Multiply(TensorMath.Doubles(x), w, Weights, 0, result, rows, depth, columns);
        }
        else if (w.IsLong)
        {
            WeightRows.MultiplyByRows(TensorMath.Doubles(x), w, result, rows, depth, columns);
        }
        else
        {
            MatMul.Multiply(TensorMath.Doubles(x), TensorMath.Doubles(w), result, rows, depth, columns);
        }
        double[]? bias = HasBias ? TensorMath.Doubles(inputs[2]) : null, residual = HasResidual ? TensorMath.Doubles(inputs[inputs.Count - 1]) : null;
        for (int i = 0; i < result.Length; i++)
        {
            double v = result[i] + (bias?[i % columns] ?? 0);
            v = Activation is { } activation ? ScalarFunctions.Apply(activation, v) : v;
            result[i] = v + (residual?[i] ?? 0);
        }
        return [TensorMath.FromDoubles(x.Type, [.. x.Shape[..^1], columns], result)];
    }
}
