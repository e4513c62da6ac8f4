using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// The elements that rows of quantised blocks stand for, exactly: u8 [..., bytes] to f32 [..., columns]. The last block of a
/// row may hold more elements than there are columns.
/// </summary>
public sealed record DequantizeBlocks(BlockFormat Format, long Columns) : Operator, IOperator<DequantizeBlocks>
{
    public static string OperatorName => "dequantize_blocks";

    public override string Name => OperatorName;

    public static DequantizeBlocks Read(IAttributeReader reader) => new(reader.Blocks("format"), reader.Integer("columns"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Blocks("format", Format);
        visitor.Integer("columns", Columns);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        WeightRows.ExpectBytes(inputs[0], Format, Columns);
        return ShapeRules.One(ElementType.F32, [.. inputs[0].Shape.Take(inputs[0].Rank - 1), DimExpr.Constant(Columns)]);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        var values = new float[checked(Strided.Count(x.Shape[..^1]) * Columns)];
        for (int at = 0, row = 0; at < values.Length; at += (int)Columns, row++)
        {
            WeightRows.Decode(x, Format, row, values.AsSpan(at, (int)Columns));
        }
        return [Tensor.From<float>(ElementType.F32, [.. x.Shape[..^1], Columns], values)];
    }
}
