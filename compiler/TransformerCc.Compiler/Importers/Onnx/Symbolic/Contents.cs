using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Symbolic;

/// <summary>
/// What is known at import about the elements of a small tensor, row-major; null where an element is unknown. Shape
/// arithmetic of a model runs on these, so that the shapes it computes are expressions over the model's dimensions.
/// </summary>
internal sealed class Contents
{
    /// <summary>Tensors with more elements than this are data, not shapes.</summary>
    public const long MaximumElements = 1024;

    public Contents(ElementType type, IReadOnlyList<long> shape, IReadOnlyList<Exact?> elements)
    {
        Type = type;
        Shape = shape;
        Elements = elements;
    }

    public ElementType Type { get; }

    public IReadOnlyList<long> Shape { get; }

    public IReadOnlyList<Exact?> Elements { get; }

    public int Rank => Shape.Count;

    public bool IsComplete => Elements.All(e => e is not null);

    public bool IsConstant => Elements.All(e => e is { } x && x.Numerator.IsConstant);

    public static Contents Scalar(ElementType type, Exact? value) => new(type, [], [value]);

    public static Contents Vector(ElementType type, IEnumerable<DimExpr> values)
    {
        Exact?[] elements = [.. values.Select(v => (Exact?)Exact.Of(v))];
        return new Contents(type, [elements.Length], elements);
    }

    /// <summary>The elements of a small constant; null when it is too large or of a type that takes no part in shape arithmetic.</summary>
    public static Contents? Of(Tensor t)
    {
        if (t.Count > MaximumElements)
        {
            return null;
        }
        Exact?[]? elements = t.Type switch
        {
            ElementType.I64 => Map(t.AsSpan<long>(), v => Exact.Of(v)),
            ElementType.I32 => Map(t.AsSpan<int>(), v => Exact.Of(v)),
            ElementType.Bool => Map(t.AsSpan<byte>(), v => Exact.Of(v != 0)),
            ElementType.F32 => Map(t.AsSpan<float>(), v => Exact.OfFloat(v)),
            ElementType.F64 => Map(t.AsSpan<double>(), v => Exact.OfFloat(v)),
            ElementType.F16 => Map(t.AsSpan<Half>(), v => Exact.OfFloat((double)v)),
            _ => null,
        };
        return elements is null ? null : new Contents(t.Type, t.Shape.ToArray(), elements);
    }

    /// <summary>The tensor these contents are, when all are constant integers or booleans.</summary>
    public Tensor? ToTensor()
    {
        if (!IsConstant || Type is not (ElementType.I64 or ElementType.I32 or ElementType.Bool))
        {
            return null;
        }
        long[] values = [.. Elements.Select(e => e!.Value.Constant!.Value)];
        long[] shape = [.. Shape];
        return Type switch
        {
            ElementType.I64 => Tensor.From<long>(Type, shape, values),
            ElementType.I32 => Tensor.From<int>(Type, shape, [.. values.Select(v => (int)v)]),
            _ => Tensor.From<byte>(Type, shape, [.. values.Select(v => (byte)v)]),
        };
    }

    public Contents Reshape(IReadOnlyList<long> shape) => new(Type, shape, Elements);

    public Contents Map(ElementType type, Func<Exact, Exact?> function) => new(type, Shape, [.. Elements.Select(e => e is { } x ? function(x) : null)]);

    /// <summary>A tensor of another shape whose element at an index is this one's at <paramref name="source"/> of that index.</summary>
    public Contents? Pick(IReadOnlyList<long> shape, Func<long[], long[]> source)
    {
        long count = shape.Aggregate(1L, (p, d) => p > MaximumElements ? p : p * d);
        if (count > MaximumElements)
        {
            return null;
        }
        var elements = new Exact?[count];
        long[] index = new long[shape.Count];
        for (long i = 0; i < count; i++)
        {
            long rest = i;
            for (int axis = shape.Count - 1; axis >= 0; axis--)
            {
                index[axis] = rest % shape[axis];
                rest /= shape[axis];
            }
            elements[i] = Elements[(int)Offset(source(index))];
        }
        return new Contents(Type, shape, elements);
    }

    /// <summary>Numpy broadcasting to a shape; null when it does not fit.</summary>
    public Contents? Broadcast(IReadOnlyList<long> shape)
    {
        int lead = shape.Count - Rank;
        if (lead < 0 || Shape.Where((d, i) => d != 1 && d != shape[lead + i]).Any())
        {
            return null;
        }
        return Pick(shape, index => [.. Shape.Select((d, i) => d == 1 ? 0 : index[lead + i])]);
    }

    private long Offset(long[] index)
    {
        long offset = 0;
        for (int axis = 0; axis < Rank; axis++)
        {
            offset = (offset * Shape[axis]) + index[axis];
        }
        return offset;
    }

    private static Exact?[] Map<T>(ReadOnlySpan<T> values, Func<T, Exact?> convert) => [.. values.ToArray().Select(convert)];
}
