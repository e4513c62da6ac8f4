using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>f(x) of every element; <paramref name="Parameter"/> is the cap of <see cref="UnaryOp.SoftCap"/> and the factor of <see cref="UnaryOp.Scale"/>.</summary>
public sealed record Unary(UnaryOp Function, float Parameter = 0) : Operator, IOperator<Unary>
{
    public static string OperatorName => "unary";

    public override string Name => OperatorName;

    public static Unary Read(IAttributeReader reader) =>
        new(reader.Word<UnaryOp>("function"), reader.Has("parameter") ? (float)reader.Float("parameter") : 0);

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("function", Function);
        if (Parameter != 0)
        {
            visitor.Float("parameter", Parameter);
        }
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        TensorType x = inputs[0];
        bool fits = Function switch
        {
            UnaryOp.Not => x.Element == ElementType.Bool,
            UnaryOp.Negate or UnaryOp.Abs or UnaryOp.Sign or UnaryOp.Relu or UnaryOp.Floor or UnaryOp.Ceil or UnaryOp.Round => x.Element != ElementType.Bool,
            _ => x.Element.IsFloat(),
        };
        ShapeRules.Expect(fits, $"{Function} is not a function of {x.Element.Name()}");
        return inputs;
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        return x.Type.IsFloat()
            ? [TensorMath.FromDoubles(x.Type, x.Shape, Array.ConvertAll(TensorMath.Doubles(x), v => ScalarFunctions.Apply(Function, v, Parameter)))]
            : [TensorMath.FromLongs(x.Type, x.Shape, Array.ConvertAll(TensorMath.Longs(x), v => ScalarFunctions.Apply(Function, v)))];
    }
}

/// <summary>f(a, b) of every pair of elements, with broadcasting; comparisons give booleans.</summary>
public sealed record Binary(BinaryOp Function) : Operator, IOperator<Binary>
{
    public static string OperatorName => "binary";

    public override string Name => OperatorName;

    public static Binary Read(IAttributeReader reader) => new(reader.Word<BinaryOp>("function"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Word("function", Function);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 2, "a, b");
        ShapeRules.ExpectSameElement(inputs[0], inputs[1], "a", "b");
        ElementType element = inputs[0].Element;
        bool fits = ScalarFunctions.IsLogical(Function) ? !element.IsFloat() : element != ElementType.Bool || Function is BinaryOp.Equal or BinaryOp.NotEqual;
        ShapeRules.Expect(fits, $"{Function} is not a function of {element.Name()}");
        return ShapeRules.One(ScalarFunctions.IsComparison(Function) ? ElementType.Bool : element, Broadcasting.Shape(inputs[0].Shape, inputs[1].Shape));
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor a = inputs[0], b = inputs[1];
        long[] shape = Broadcasting.Shape(a.Shape, b.Shape);
        ElementType element = ScalarFunctions.IsComparison(Function) ? ElementType.Bool : a.Type;
        var left = new StridedWalk(shape, Strided.Broadcast(a.Shape, shape));
        var right = new StridedWalk(shape, Strided.Broadcast(b.Shape, shape));
        if (a.Type.IsFloat())
        {
            double[] x = TensorMath.Doubles(a), y = TensorMath.Doubles(b), result = new double[Strided.Count(shape)];
            for (int i = 0; i < result.Length; i++, left.Next(), right.Next())
            {
                result[i] = ScalarFunctions.Apply(Function, x[left.Offset], y[right.Offset]);
            }
            return [TensorMath.FromDoubles(element, shape, result)];
        }
        long[] m = TensorMath.Longs(a), n = TensorMath.Longs(b), integers = new long[Strided.Count(shape)];
        for (int i = 0; i < integers.Length; i++, left.Next(), right.Next())
        {
            integers[i] = ScalarFunctions.Apply(Function, m[left.Offset], n[right.Offset]);
        }
        return [TensorMath.FromLongs(element, shape, integers)];
    }
}

/// <summary>condition ? a : b of every element, with broadcasting.</summary>
public sealed record Select : Operator, IOperator<Select>
{
    public static string OperatorName => "select";

    public override string Name => OperatorName;

    public static Select Read(IAttributeReader reader) => new();

    public override void Attributes(IAttributeVisitor visitor) { }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 3, "condition, a, b");
        ShapeRules.Expect(inputs[0].Element == ElementType.Bool, $"condition must be bool, is {inputs[0]}");
        ShapeRules.ExpectSameElement(inputs[1], inputs[2], "a", "b");
        return ShapeRules.One(inputs[1].Element, Broadcasting.Shape(inputs[0].Shape, Broadcasting.Shape(inputs[1].Shape, inputs[2].Shape)));
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        long[] shape = Broadcasting.Shape(inputs[0].Shape, Broadcasting.Shape(inputs[1].Shape, inputs[2].Shape));
        long[] Spread(Tensor t) => Strided.Broadcast(t.Shape, shape);
        ReadOnlySpan<byte> condition = inputs[0].Data.Span;
        ReadOnlySpan<byte> a = inputs[1].Data.Span, b = inputs[2].Data.Span;
        var walk = new StridedWalk(shape, Spread(inputs[0]));
        var left = new StridedWalk(shape, Spread(inputs[1]));
        var right = new StridedWalk(shape, Spread(inputs[2]));
        int size = inputs[1].Type.Size();
        var result = new byte[checked(Strided.Count(shape) * size)];
        for (int at = 0; at < result.Length; at += size, walk.Next(), left.Next(), right.Next())
        {
            ReadOnlySpan<byte> chosen = condition[(int)walk.Offset] != 0 ? a[((int)left.Offset * size)..] : b[((int)right.Offset * size)..];
            chosen[..size].CopyTo(result.AsSpan(at));
        }
        return [new Tensor(inputs[1].Type, shape, result)];
    }
}

/// <summary>
/// Converts the element type: floats round to nearest even; float to integer truncates towards zero and saturates, NaN
/// gives 0; integers wrap to the width; bool is x ≠ 0.
/// </summary>
public sealed record Cast(ElementType To) : Operator, IOperator<Cast>
{
    public static string OperatorName => "cast";

    public override string Name => OperatorName;

    public static Cast Read(IAttributeReader reader) => new(reader.Element("to"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Element("to", To);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 1, "x");
        return ShapeRules.One(To, inputs[0].Shape);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        return x.Type.IsFloat()
            ? [TensorMath.FromDoubles(To, x.Shape, TensorMath.Doubles(x))]
            : [TensorMath.FromLongs(To, x.Shape, TensorMath.Longs(x))];
    }
}

/// <summary>activation(gate)·up: SwiGLU, GeGLU (Shazeer 2020, "GLU Variants Improve Transformer").</summary>
public sealed record Gated(UnaryOp Activation) : Operator, IOperator<Gated>
{
    public static string OperatorName => "gated";

    public override string Name => OperatorName;

    public static Gated Read(IAttributeReader reader) => new(reader.Word<UnaryOp>("activation"));

    public override void Attributes(IAttributeVisitor visitor) => visitor.Word("activation", Activation);

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 2, "gate, up");
        ShapeRules.ExpectFloat(inputs[0], "gate");
        ShapeRules.Expect(inputs[0] == inputs[1], $"gate {inputs[0]} and up {inputs[1]} must have the same type");
        return ShapeRules.One(inputs[0]);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        double[] gate = TensorMath.Doubles(inputs[0]), up = TensorMath.Doubles(inputs[1]);
        for (int i = 0; i < gate.Length; i++)
        {
            gate[i] = ScalarFunctions.Apply(Activation, gate[i]) * up[i];
        }
        return [TensorMath.FromDoubles(inputs[0].Type, inputs[0].Shape, gate)];
    }
}
