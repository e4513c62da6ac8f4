using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>Start + Step·index[Axis], without operands: positions, ranges.</summary>
public sealed record Iota(ElementType Type, EquatableArray<DimExpr> Shape, int Axis, DimExpr Start, long Step) : Operator, IOperator<Iota>
{
    public static string OperatorName => "iota";

    public override string Name => OperatorName;

    public static Iota Read(IAttributeReader reader) =>
        new(reader.Element("type"), reader.Dims("shape"), reader.Int32("axis"), reader.Dim("start"), reader.Integer("step"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Element("type", Type);
        visitor.Dims("shape", Shape);
        visitor.Integer("axis", Axis);
        visitor.Dim("start", Start);
        visitor.Integer("step", Step);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 0, "none");
        ShapeRules.Expect(Type != ElementType.Bool, "counts in numbers, not in bool");
        ShapeRules.ExpectAxis(Axis, Shape.Count);
        return ShapeRules.One(Type, Shape);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        long[] shape = TensorMath.Evaluate(Shape, dimensions);
        long start = Start.Evaluate(dimensions);
        var values = new long[Strided.Count(shape)];
        var walk = new StridedWalk(shape, new long[shape.Length]);
        for (int i = 0; i < values.Length; i++, walk.Next())
        {
            values[i] = start + (Step * walk.Index[Axis]);
        }
        return [TensorMath.FromLongs(Type, shape, values)];
    }
}

/// <summary>
/// The values of dimension expressions as an i64 tensor: what remains of shape arithmetic when it is used as data.
/// <paramref name="Elements"/> fill the constant <paramref name="Shape"/> in row-major order.
/// </summary>
public sealed record ShapeValue(EquatableArray<DimExpr> Elements, EquatableArray<long> Shape) : Operator, IOperator<ShapeValue>
{
    public static string OperatorName => "shape_value";

    public override string Name => OperatorName;

    public static ShapeValue Read(IAttributeReader reader) => new(reader.Dims("elements"), reader.Integers("shape"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Dims("elements", Elements);
        visitor.Integers("shape", Shape);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 0, "none");
        ShapeRules.Expect(Shape.All(d => d >= 0) && Strided.Count(Shape.AsSpan()) == Elements.Count, $"{Elements.Count} elements do not fill {Shape}");
        return ShapeRules.One(ElementType.I64, Shape.Select(DimExpr.Constant).ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions) =>
        [TensorMath.FromLongs(ElementType.I64, Shape.AsSpan(), TensorMath.Evaluate(Elements, dimensions))];
}

/// <summary>A triangle of the last two dimensions, the rest 0: keeps column − row ≥ Diagonal (upper) or ≤ Diagonal (lower).</summary>
public sealed record Trilu(bool Upper, long Diagonal) : Operator, IOperator<Trilu>
{
    public static string OperatorName => "trilu";

    public override string Name => OperatorName;

    public static Trilu Read(IAttributeReader reader) => new(reader.Flag("upper"), reader.Integer("diagonal"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Flag("upper", Upper);
        visitor.Integer("diagonal", Diagonal);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        ShapeRules.Expect(inputs[0].Rank >= 2, $"needs at least two dimensions, is {inputs[0]}");
        return inputs;
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        long rows = x.Shape[^2], columns = x.Shape[^1];
        int size = x.Type.Size();
        byte[] result = x.Data.ToArray();
        for (int i = 0; i < x.Count; i++)
        {
            long distance = (i % columns) - (i / columns % rows);
            if (Upper ? distance < Diagonal : distance > Diagonal)
            {
                result.AsSpan(i * size, size).Clear();
            }
        }
        return [new Tensor(x.Type, x.Shape, result)];
    }
}
