using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>NumPy's take: slices of data along an axis, chosen by indices; negative indices count from the end.</summary>
/// <param name="Rows">
/// Data is u8 [rows, bytes of a row] in blocks, of which the chosen rows are decoded: the result is f32 [indices..., columns].
/// </param>
public sealed record Gather(int Axis, BlockRows? Rows = null) : Operator, IOperator<Gather>
{
    public static string OperatorName => "gather";

    public override string Name => OperatorName;

    public static Gather Read(IAttributeReader reader) =>
        new(reader.Int32("axis"), reader.Has("format") ? new BlockRows(reader.Blocks("format"), reader.Integer("columns")) : null);

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Integer("axis", Axis);
        if (Rows is not null)
        {
            visitor.Blocks("format", Rows.Format);
            visitor.Integer("columns", Rows.Columns);
        }
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 2, "data, indices");
        TensorType data = inputs[0], indices = inputs[1];
        ShapeRules.ExpectAxis(Axis, data.Rank);
        ShapeRules.Expect(indices.Element is ElementType.I32 or ElementType.I64, $"indices must be i32 or i64, are {indices}");
        if (Rows is not null)
        {
            ShapeRules.ExpectRank(data, 2, "data in blocks");
            ShapeRules.Expect(Axis == 0, "of data in blocks whole rows are gathered");
            WeightRows.ExpectBytes(data, Rows.Format, Rows.Columns);
            return ShapeRules.One(ElementType.F32, [.. indices.Shape, DimExpr.Constant(Rows.Columns)]);
        }
        return ShapeRules.One(data.Element, [.. data.Shape.Take(Axis), .. indices.Shape, .. data.Shape.Skip(Axis + 1)]);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor data = inputs[0];
        long[] source = data.Shape.ToArray(), indices = TensorMath.Longs(inputs[1]);
        long outer = Strided.Count(source.AsSpan(0, Axis)), extent = source[Axis];
        if (Rows is not null)
        {
            int columns = checked((int)Rows.Columns);
            var values = new float[checked(indices.Length * columns)];
            for (int i = 0; i < indices.Length; i++)
            {
                WeightRows.Decode(data, Rows.Format, Row(indices[i], extent), values.AsSpan(i * columns, columns));
            }
            return [Tensor.From<float>(ElementType.F32, [.. inputs[1].Shape, columns], values)];
        }
        long[] shape = [.. source[..Axis], .. inputs[1].Shape, .. source[(Axis + 1)..]];
        int run = checked((int)(Strided.Count(source.AsSpan(Axis + 1)) * data.Type.Size()));
        var result = new byte[checked(Strided.Count(shape) * data.Type.Size())];
        int at = 0;
        for (long o = 0; o < outer; o++)
        {
            foreach (long index in indices)
            {
                data.Bytes(checked(((o * extent) + Row(index, extent)) * run), run).CopyTo(result.AsSpan(at));
                at += run;
            }
        }
        return [new Tensor(data.Type, shape, result)];
    }

    private static long Row(long index, long extent)
    {
        long row = index < 0 ? index + extent : index;
        ShapeRules.Expect(row >= 0 && row < extent, $"index {index} is outside a dimension of {extent}");
        return row;
    }
}

/// <summary>Rows of quantised blocks.</summary>
/// <param name="Columns">Elements of a row; the last block may hold more.</param>
public sealed record BlockRows(BlockFormat Format, long Columns);
