using System.Numerics;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// One value over all elements along some axes. ArgMax and ArgMin take one axis and give the i64 index of the first
/// extreme element; NaN counts as extreme. Integer means truncate towards zero.
/// </summary>
public sealed record Reduce(ReduceOp Function, EquatableArray<long> Axes, bool KeepDims) : Operator, IOperator<Reduce>
{
    public static string OperatorName => "reduce";

    public override string Name => OperatorName;

    private bool IsIndex => Function is ReduceOp.ArgMax or ReduceOp.ArgMin;

    /// <summary>
    /// How many parts of a row are combined element by element where the axis is short and not the last (the experts of a
    /// token, say): no transpose is needed then. Null for any other reduction.
    /// </summary>
    public int? Parts(TensorType x)
    {
        if (Axes.Count != 1 || Axes[0] == x.Rank - 1 || Function is not (ReduceOp.Sum or ReduceOp.Product or ReduceOp.Max or ReduceOp.Min))
        {
            return null;
        }
        int axis = (int)Axes[0];
        long? parts = x.Shape[axis].ConstantValue, columns = DimExpr.Product(x.Shape.Skip(axis + 1)).ConstantValue;
        return parts is >= 1 and <= MaxParts && columns is > 0 and <= MaxPartColumns && columns % PartMultiple == 0 ? (int)parts : null;
    }

    /// <summary>Of <see cref="Parts"/>; each begins on a line whatever the format.</summary>
    private const int MaxParts = 16, MaxPartColumns = 1 << 14, PartMultiple = 64;

    public static Reduce Read(IAttributeReader reader) => new(reader.Word<ReduceOp>("function"), reader.Integers("axes"), reader.Flag("keep_dims"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("function", Function);
        visitor.Integers("axes", Axes);
        visitor.Flag("keep_dims", KeepDims);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        TensorType x = inputs[0];
        foreach (long axis in Axes)
        {
            ShapeRules.ExpectAxis(axis, x.Rank);
        }
        ShapeRules.Expect(Axes.Distinct().Count() == Axes.Count, $"axes {Axes} repeat");
        ShapeRules.Expect(!IsIndex || Axes.Count == 1, $"{Function} takes one axis");
        ShapeRules.Expect(x.Element != ElementType.Bool || Function is ReduceOp.Max or ReduceOp.Min, $"{Function} is not a function of bool");
        IEnumerable<DimExpr> shape = KeepDims
            ? x.Shape.Select((d, i) => Axes.Contains(i) ? DimExpr.One : d)
            : x.Shape.Where((_, i) => !Axes.Contains(i));
        return ShapeRules.One(IsIndex ? ElementType.I64 : x.Element, shape.ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        long[] shape = x.Shape.ToArray();
        long[] kept = [.. shape.Select((d, i) => Axes.Contains(i) ? 1 : d)];
        long[] result = KeepDims ? kept : [.. shape.Where((_, i) => !Axes.Contains(i))];
        // Walking x with a stride of 0 along the reduced axes gives the offset of the result that each element belongs to.
        var walk = new StridedWalk(shape, Strided.Broadcast(kept, shape));
        long groupSize = Axes.Aggregate(1L, (n, a) => n * shape[a]);
        if (IsIndex)
        {
            return [TensorMath.FromLongs(ElementType.I64, result, x.Type.IsFloat()
                ? Indices(TensorMath.Doubles(x), walk, Strided.Count(kept), groupSize) : Indices(TensorMath.Longs(x), walk, Strided.Count(kept), groupSize))];
        }
        return x.Type.IsFloat()
            ? [TensorMath.FromDoubles(x.Type, result, Accumulate(TensorMath.Doubles(x), walk, Strided.Count(kept), groupSize, double.NegativeInfinity, double.PositiveInfinity))]
            : [TensorMath.FromLongs(x.Type, result, Accumulate(TensorMath.Longs(x), walk, Strided.Count(kept), groupSize, long.MinValue, long.MaxValue))];
    }

    private T[] Accumulate<T>(T[] values, StridedWalk walk, long groups, long groupSize, T lowest, T highest) where T : INumber<T>
    {
        ShapeRules.Expect(groupSize > 0 || Function is not (ReduceOp.Max or ReduceOp.Min) || lowest is double, $"{Function} of no elements");
        T start = Function switch { ReduceOp.Max => lowest, ReduceOp.Min => highest, ReduceOp.Product => T.One, _ => T.Zero };
        var result = new T[groups];
        Array.Fill(result, start);
        foreach (T value in values)
        {
            ref T r = ref result[walk.Offset];
            r = unchecked(Function switch
            {
                ReduceOp.Sum or ReduceOp.Mean => r + value,
                ReduceOp.Max => T.Max(r, value),
                ReduceOp.Min => T.Min(r, value),
                ReduceOp.Product => r * value,
                ReduceOp.SumSquares => r + (value * value),
                _ => r + (T.IsNegative(value) ? -value : value),
            });
            walk.Next();
        }
        if (Function == ReduceOp.Mean)
        {
            ShapeRules.Expect(groupSize > 0 || lowest is double, "mean of no elements");
            for (int i = 0; i < result.Length; i++)
            {
                result[i] /= T.CreateChecked(groupSize);
            }
        }
        return result;
    }

    private long[] Indices<T>(T[] values, StridedWalk walk, long groups, long groupSize) where T : INumber<T>
    {
        ShapeRules.Expect(groupSize > 0 || groups == 0, $"{Function} of no elements");
        var best = new T[groups];
        var result = new long[groups];
        int axis = (int)Axes[0];
        foreach (T value in values)
        {
            long at = walk.Offset, index = walk.Index[axis];
            bool better = Function == ReduceOp.ArgMax ? value > best[at] : value < best[at];
            if (index == 0 || better || (T.IsNaN(value) && !T.IsNaN(best[at])))
            {
                (best[at], result[at]) = (value, index);
            }
            walk.Next();
        }
        return result;
    }
}

/// <summary>exp(x − max) / Σ exp(x − max) along an axis; a row of −∞ gives NaN, as IEEE arithmetic does.</summary>
public sealed record Softmax(int Axis) : Operator, IOperator<Softmax>
{
    public static string OperatorName => "softmax";

    public override string Name => OperatorName;

    public static Softmax Read(IAttributeReader reader) => new(reader.Int32("axis"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Integer("axis", Axis);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        ShapeRules.ExpectFloat(inputs[0], "x");
        ShapeRules.ExpectAxis(Axis, inputs[0].Rank);
        return inputs;
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        double[] values = TensorMath.Doubles(inputs[0]);
        Lanes.Visit(inputs[0].Shape, Axis, (first, stride, count) =>
        {
            double max = double.NegativeInfinity, sum = 0;
            for (long i = 0; i < count; i++)
            {
                max = Math.Max(max, values[first + (i * stride)]);
            }
            for (long i = 0; i < count; i++)
            {
                ref double v = ref values[first + (i * stride)];
                v = Math.Exp(v - max);
                sum += v;
            }
            for (long i = 0; i < count; i++)
            {
                values[first + (i * stride)] /= sum;
            }
        });
        return [TensorMath.FromDoubles(inputs[0].Type, inputs[0].Shape, values)];
    }
}

/// <summary>Running sums along an axis; exclusive leaves out the element itself, reverse starts from the end.</summary>
public sealed record CumSum(int Axis, bool Exclusive, bool Reverse) : Operator, IOperator<CumSum>
{
    public static string OperatorName => "cumsum";

    public override string Name => OperatorName;

    public static CumSum Read(IAttributeReader reader) => new(reader.Int32("axis"), reader.Flag("exclusive"), reader.Flag("reverse"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Integer("axis", Axis);
        visitor.Flag("exclusive", Exclusive);
        visitor.Flag("reverse", Reverse);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        ShapeRules.ExpectAxis(Axis, inputs[0].Rank);
        ShapeRules.Expect(inputs[0].Element != ElementType.Bool, "sums numbers, not bool");
        return inputs;
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        return x.Type.IsFloat()
            ? [TensorMath.FromDoubles(x.Type, x.Shape, Run(TensorMath.Doubles(x), x.Shape))]
            : [TensorMath.FromLongs(x.Type, x.Shape, Run(TensorMath.Longs(x), x.Shape))];
    }

    private T[] Run<T>(T[] values, ReadOnlySpan<long> shape) where T : INumber<T>
    {
        Lanes.Visit(shape, Axis, (first, stride, count) =>
        {
            T sum = T.Zero;
            for (long i = 0; i < count; i++)
            {
                ref T v = ref values[first + ((Reverse ? count - 1 - i : i) * stride)];
                T before = sum;
                sum = unchecked(sum + v);
                v = Exclusive ? before : sum;
            }
        });
        return values;
    }
}

/// <summary>The one-dimensional lanes of a tensor along an axis.</summary>
internal static class Lanes
{
    /// <summary>Calls <paramref name="visit"/>(offset of the first element, stride, count) for every lane.</summary>
    public static void Visit(ReadOnlySpan<long> shape, int axis, Action<long, long, long> visit)
    {
        long outer = Strided.Count(shape[..axis]), count = shape[axis], stride = Strided.Count(shape[(axis + 1)..]);
        for (long o = 0; o < outer; o++)
        {
            for (long i = 0; i < stride; i++)
            {
                visit((o * count * stride) + i, stride, count);
            }
        }
    }
}
