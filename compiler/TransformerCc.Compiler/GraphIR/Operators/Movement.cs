using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>The same elements in row-major order under another shape.</summary>
public sealed record Reshape(EquatableArray<DimExpr> Shape) : Operator, IOperator<Reshape>
{
    public static string OperatorName => "reshape";

    public override string Name => OperatorName;

    public static Reshape Read(IAttributeReader reader) => new(reader.Dims("shape"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Dims("shape", Shape);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        DimExpr before = ShapeRules.ElementCount(inputs[0].Shape), after = ShapeRules.ElementCount(Shape);
        ShapeRules.Expect(before == after, $"cannot reshape {inputs[0].Shape} to {Shape}: {before} elements are not provably {after}");
        return ShapeRules.One(inputs[0].Element, Shape);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        long[] shape = TensorMath.Evaluate(Shape, dimensions);
        ShapeRules.Expect(Strided.Count(shape) == inputs[0].Count, $"{inputs[0].Count} elements do not fill [{string.Join(", ", shape)}]");
        return [inputs[0].Reshape(shape)];
    }
}

/// <summary>Reorders dimensions: dimension d of the result is dimension Permutation[d] of x.</summary>
public sealed record Transpose(EquatableArray<long> Permutation) : Operator, IOperator<Transpose>
{
    public static string OperatorName => "transpose";

    public override string Name => OperatorName;

    public static Transpose Read(IAttributeReader reader) => new(reader.Integers("permutation"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Integers("permutation", Permutation);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        TensorType x = inputs[0];
        ShapeRules.Expect(Permutation.Order().SequenceEqual(Enumerable.Range(0, x.Rank).Select(i => (long)i)), $"{Permutation} is not a permutation of {x.Rank} dimensions");
        return ShapeRules.One(x.Element, Permutation.Select(p => x.Shape[(int)p]).ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        long[] strides = Strided.RowMajor(x.Shape), shape = x.Shape.ToArray();
        return [Strided.Copy(x, [.. Permutation.Select(p => shape[p])], [.. Permutation.Select(p => strides[p])])];
    }
}

/// <summary>NumPy's broadcast_to: stretches dimensions of size 1, and adds leading ones, to exactly <paramref name="Shape"/>.</summary>
public sealed record Broadcast(EquatableArray<DimExpr> Shape) : Operator, IOperator<Broadcast>
{
    public static string OperatorName => "broadcast";

    public override string Name => OperatorName;

    public static Broadcast Read(IAttributeReader reader) => new(reader.Dims("shape"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Dims("shape", Shape);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        ShapeRules.Expect(Broadcasting.StretchesTo(inputs[0].Shape, Shape), $"{inputs[0].Shape} does not broadcast to {Shape}");
        return ShapeRules.One(inputs[0].Element, Shape);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        long[] shape = TensorMath.Evaluate(Shape, dimensions);
        return [Strided.Copy(inputs[0], shape, Strided.Broadcast(inputs[0].Shape, shape))];
    }
}

/// <summary>out[i] = x[start + i·step] in every dimension; the sizes are the result's dimensions, steps may be negative.</summary>
public sealed record Slice(EquatableArray<DimExpr> Starts, EquatableArray<DimExpr> Sizes, EquatableArray<long> Steps) : Operator, IOperator<Slice>
{
    public static string OperatorName => "slice";

    public override string Name => OperatorName;

    public static Slice Read(IAttributeReader reader) => new(reader.Dims("starts"), reader.Dims("sizes"), reader.Integers("steps"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Dims("starts", Starts);
        visitor.Dims("sizes", Sizes);
        visitor.Integers("steps", Steps);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        TensorType x = inputs[0];
        ShapeRules.Expect(Starts.Count == x.Rank && Sizes.Count == x.Rank && Steps.Count == x.Rank,
            $"starts {Starts}, sizes {Sizes} and steps {Steps} must have one entry for each of the {x.Rank} dimensions");
        for (int d = 0; d < x.Rank; d++)
        {
            ShapeRules.Expect(Steps[d] != 0, "a step must not be 0");
            if (Starts[d].ConstantValue is { } start && Sizes[d].ConstantValue is { } size && x.Shape[d].ConstantValue is { } extent)
            {
                ExpectInside(start, size, Steps[d], extent);
            }
        }
        return ShapeRules.One(x.Element, Sizes);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        long[] starts = TensorMath.Evaluate(Starts, dimensions), sizes = TensorMath.Evaluate(Sizes, dimensions), strides = Strided.RowMajor(x.Shape);
        long start = 0;
        for (int d = 0; d < sizes.Length; d++)
        {
            ExpectInside(starts[d], sizes[d], Steps[d], x.Shape[d]);
            start += starts[d] * strides[d];
            strides[d] *= Steps[d];
        }
        return [Strided.Copy(x, sizes, strides, start)];
    }

    private static void ExpectInside(long start, long size, long step, long extent)
    {
        Int128 last = start + ((Int128)(size - 1) * step);
        ShapeRules.Expect(size == 0 || (size > 0 && start >= 0 && start < extent && last >= 0 && last < extent),
            $"{size} elements from {start} in steps of {step} leave a dimension of {extent}");
    }
}

/// <summary>Inputs one after another along an axis.</summary>
public sealed record Concat(int Axis) : Operator, IOperator<Concat>
{
    public static string OperatorName => "concat";

    public override string Name => OperatorName;

    public static Concat Read(IAttributeReader reader) => new(reader.Int32("axis"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Integer("axis", Axis);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.Expect(inputs.Count > 0, "needs at least one operand");
        TensorType first = inputs[0];
        ShapeRules.ExpectAxis(Axis, first.Rank);
        DimExpr[] shape = [.. first.Shape];
        foreach (TensorType next in inputs.Skip(1))
        {
            ShapeRules.ExpectSameElement(first, next, "the first operand", "another");
            ShapeRules.ExpectRank(next, first.Rank, "every operand");
            for (int d = 0; d < shape.Length; d++)
            {
                ShapeRules.Expect(d == Axis || shape[d] == next.Shape[d], $"{first.Shape} and {next.Shape} differ beside axis {Axis}");
            }
        }
        shape[Axis] = DimExpr.Sum(inputs.Select(t => t.Shape[Axis]));
        return ShapeRules.One(first.Element, shape.ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor first = inputs[0];
        long[] shape = first.Shape.ToArray();
        shape[Axis] = inputs.Sum(t => t.Shape[Axis]);
        int inner = checked((int)(Strided.Count(shape.AsSpan(Axis + 1)) * first.Type.Size()));
        long outer = Strided.Count(shape.AsSpan(0, Axis));
        var result = new byte[checked(Strided.Count(shape) * first.Type.Size())];
        int at = 0;
        for (long o = 0; o < outer; o++)
        {
            foreach (Tensor t in inputs)
            {
                int run = checked((int)(t.Shape[Axis] * inner));
                t.Data.Span.Slice((int)o * run, run).CopyTo(result.AsSpan(at));
                at += run;
            }
        }
        return [new Tensor(first.Type, shape, result)];
    }
}

/// <summary>Adds elements of a constant value (0, or the second operand) before and after every dimension.</summary>
public sealed record Pad(EquatableArray<long> Before, EquatableArray<long> After) : Operator, IOperator<Pad>
{
    public static string OperatorName => "pad";

    public override string Name => OperatorName;

    public static Pad Read(IAttributeReader reader) => new(reader.Integers("before"), reader.Integers("after"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Integers("before", Before);
        visitor.Integers("after", After);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.Expect(inputs.Count is 1 or 2, $"takes x and perhaps a value, {inputs.Count} operands given");
        TensorType x = inputs[0];
        ShapeRules.Expect(Before.Count == x.Rank && After.Count == x.Rank, $"pads {Before} and {After} must have one entry for each of the {x.Rank} dimensions");
        ShapeRules.Expect(Before.All(p => p >= 0) && After.All(p => p >= 0), $"pads {Before} and {After} must not be negative");
        if (inputs.Count == 2)
        {
            ShapeRules.ExpectRank(inputs[1], 0, "value");
            ShapeRules.ExpectSameElement(x, inputs[1], "x", "value");
        }
        return ShapeRules.One(x.Element, x.Shape.Select((d, i) => d + Before[i] + After[i]).ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        int size = x.Type.Size();
        long[] source = x.Shape.ToArray(), shape = [.. source.Select((d, i) => checked(d + Before[i] + After[i]))];
        var result = new byte[checked(Strided.Count(shape) * size)];
        if (inputs.Count == 2)
        {
            for (int at = 0; at < result.Length; at += size)
            {
                inputs[1].Data.Span.CopyTo(result.AsSpan(at));
            }
        }
        long[] strides = Strided.RowMajor(shape);
        var walk = new StridedWalk(source, strides, strides.Select((s, i) => s * Before[i]).Sum());
        for (int i = 0; i < x.Count; i++, walk.Next())
        {
            x.Data.Span.Slice(i * size, size).CopyTo(result.AsSpan((int)walk.Offset * size));
        }
        return [new Tensor(x.Type, shape, result)];
    }
}
