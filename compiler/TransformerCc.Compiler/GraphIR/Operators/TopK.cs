using System.Numerics;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// The <paramref name="Count"/> largest or smallest elements along the last axis, best first, equal ones in ascending
/// position, NaN before all; and their positions as i64.
/// </summary>
public sealed record TopK(DimExpr Count, bool Largest) : Operator, IOperator<TopK>
{
    public static string OperatorName => "topk";

    public override string Name => OperatorName;

    public static TopK Read(IAttributeReader reader) => new(reader.Dim("count"), reader.Flag("largest"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Dim("count", Count);
        visitor.Flag("largest", Largest);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        TensorType x = inputs[0];
        ShapeRules.Expect(x.Rank > 0, "x must have a dimension");
        ShapeRules.Expect(Count.ConstantValue is not { } count || x.Shape.Last.ConstantValue is not { } extent || (count >= 0 && count <= extent), $"the best {Count} of {x.Shape.Last} elements");
        EquatableArray<DimExpr> shape = [.. x.Shape.Take(x.Rank - 1), Count];
        ShapeRules.ExpectShape(shape);
        return [new TensorType(x.Element, shape), new TensorType(ElementType.I64, shape)];
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        long extent = x.Shape[^1], count = Count.Evaluate(dimensions);
        ShapeRules.Expect(count >= 0 && count <= extent, $"the best {count} of {extent} elements");
        long[] shape = [.. x.Shape[..^1], count];
        long[] positions = x.Type.IsFloat() ? Positions(TensorMath.Doubles(x), extent, count) : Positions(TensorMath.Longs(x), extent, count);
        int size = x.Type.Size();
        var values = new byte[checked(positions.Length * size)];
        for (int i = 0; i < positions.Length; i++)
        {
            x.Data.Span.Slice(checked((int)((i / count * extent) + positions[i])) * size, size).CopyTo(values.AsSpan(i * size));
        }
        return [new Tensor(x.Type, shape, values), TensorMath.FromLongs(ElementType.I64, shape, positions)];
    }

    private long[] Positions<T>(T[] values, long extent, long count) where T : INumber<T>
    {
        var result = new List<long>();
        for (long row = 0; extent > 0 && row < values.Length / extent; row++)
        {
            // OrderBy is stable.
            long first = row * extent;
            IOrderedEnumerable<long> nanFirst = Enumerable.Range(0, (int)extent).Select(c => (long)c).OrderBy(c => !T.IsNaN(values[first + c]));
            result.AddRange((Largest ? nanFirst.ThenByDescending(c => values[first + c]) : nanFirst.ThenBy(c => values[first + c])).Take((int)count));
        }
        return [.. result];
    }
}
