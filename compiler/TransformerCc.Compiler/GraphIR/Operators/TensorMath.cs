using System.Numerics;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// Elements as the numbers that the reference evaluation computes in: double for floats, long for integers and booleans
/// (u64 keeps its bits).
/// </summary>
public static class TensorMath
{
    public static double[] Doubles(Tensor tensor)
    {
        if (tensor.Type == ElementType.F64)
        {
            return tensor.AsSpan<double>().ToArray();
        }
        if (!tensor.Type.IsFloat())
        {
            return Array.ConvertAll(Longs(tensor), v => tensor.Type == ElementType.U64 ? (ulong)v : (double)v);
        }
        ReadOnlySpan<byte> bytes = tensor.Data.Span;
        var values = new float[tensor.Count];
        NumericFormat.WidenToF32(tensor.Type, bytes, values);
        return Array.ConvertAll(values, v => (double)v);
    }

    /// <summary>The elements of an integer or boolean tensor.</summary>
    public static long[] Longs(Tensor tensor)
    {
        ReadOnlySpan<byte> bytes = tensor.Data.Span;
        var values = new long[tensor.Count];
        NumericFormat.WidenToInt64(tensor.Type, bytes, values);
        return values;
    }

    /// <summary>Floats round to nearest even; integers truncate towards zero and saturate, NaN gives 0; bool is x ≠ 0.</summary>
    public static Tensor FromDoubles(ElementType type, ReadOnlySpan<long> shape, double[] values)
    {
        if (type == ElementType.F64)
        {
            return Tensor.From<double>(type, shape, values);
        }
        if (!type.IsFloat())
        {
            return FromLongs(type, shape, Array.ConvertAll(values, v => Saturate(type, v)));
        }
        var bytes = new byte[checked(values.Length * type.Size())];
        NumericFormat.NarrowFromF32(type, Array.ConvertAll(values, v => (float)v), bytes);
        return new Tensor(type, shape, bytes);
    }

    /// <summary>Integers modulo their width; bool is x ≠ 0; floats round to nearest even.</summary>
    public static Tensor FromLongs(ElementType type, ReadOnlySpan<long> shape, long[] values)
    {
        var bytes = new byte[checked(values.Length * type.Size())];
        NumericFormat.NarrowFromInt64(type, values, bytes);
        return new Tensor(type, shape, bytes);
    }

    public static long[] Evaluate(EquatableArray<DimExpr> shape, IReadOnlyDictionary<string, long> dimensions) =>
        [.. shape.Select(d => d.Evaluate(dimensions))];

    /// <summary>
    /// sum[i] += factor·row[i]. Every element is its own sum in ascending order of the calls, so the vector width of the
    /// host does not show in the result.
    /// </summary>
    public static void AddScaled(Span<double> sum, double factor, ReadOnlySpan<double> row)
    {
        int i = 0;
        var f = new Vector<double>(factor);
        for (; i <= row.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            (new Vector<double>(sum[i..]) + (f * new Vector<double>(row[i..]))).CopyTo(sum[i..]);
        }
        for (; i < row.Length; i++)
        {
            sum[i] += factor * row[i];
        }
    }

    private static long Saturate(ElementType type, double value) => type switch
    {
        ElementType.I8 => sbyte.CreateSaturating(value),
        ElementType.U8 => byte.CreateSaturating(value),
        ElementType.I16 => short.CreateSaturating(value),
        ElementType.U16 => ushort.CreateSaturating(value),
        ElementType.I32 => int.CreateSaturating(value),
        ElementType.U32 => uint.CreateSaturating(value),
        ElementType.U64 => unchecked((long)ulong.CreateSaturating(value)),
        ElementType.Bool => value != 0 ? 1 : 0,
        // Narrower than a byte, and i64: the store wraps the former.
        _ => long.CreateSaturating(value),
    };
}
