using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// Normalises the last dimension, then scales and perhaps shifts it: x [..., D], scale [D], [shift [D]].
/// Layer: (x − mean)/√(mean((x − mean)²) + ε) (Ba et al. 2016); RMS: x/√(mean(x²) + ε) (Zhang and Sennrich 2019).
/// </summary>
public sealed record Norm(NormKind Kind, double Epsilon, bool HasShift) : Operator, IOperator<Norm>
{
    public static string OperatorName => "norm";

    public override string Name => OperatorName;

    public static Norm Read(IAttributeReader reader) => new(reader.Word<NormKind>("kind"), reader.Float("epsilon"), reader.Flag("shift"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("kind", Kind);
        visitor.Float("epsilon", Epsilon);
        visitor.Flag("shift", HasShift);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, HasShift ? 3 : 2, HasShift ? "x, scale, shift" : "x, scale");
        TensorType x = inputs[0];
        ShapeRules.ExpectFloat(x, "x");
        ShapeRules.Expect(x.Rank >= 1, "x must have a dimension");
        foreach (TensorType row in inputs.Skip(1))
        {
            ShapeRules.ExpectFloat(row, "scale and shift");
            ShapeRules.ExpectRank(row, 1, "scale and shift");
            ShapeRules.ExpectEqual(row.Shape[0], x.Shape.Last, "the width of scale or shift", "the last dimension of x");
        }
        return ShapeRules.One(x);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        double[] values = TensorMath.Doubles(x), scale = TensorMath.Doubles(inputs[1]);
        double[]? shift = HasShift ? TensorMath.Doubles(inputs[2]) : null;
        int width = scale.Length;
        for (int start = 0; start < values.Length; start += width)
        {
            Span<double> row = values.AsSpan(start, width);
            double mean = 0, squares = 0;
            foreach (double v in row)
            {
                mean += v / width;
            }
            mean = Kind == NormKind.Layer ? mean : 0;
            foreach (double v in row)
            {
                squares += (v - mean) * (v - mean);
            }
            double inverse = 1 / Math.Sqrt((squares / width) + Epsilon);
            for (int i = 0; i < width; i++)
            {
                row[i] = ((row[i] - mean) * inverse * scale[i]) + (shift?[i] ?? 0);
            }
        }
        return [TensorMath.FromDoubles(x.Type, x.Shape, values)];
    }
}
