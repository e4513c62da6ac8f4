using System.Globalization;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>
/// The data of constants as text. All elements equal: the one number. Few elements: the list. Otherwise a label, for
/// which the parser makes pseudo-random data of that seed, so that tests on graphs stay small.
/// </summary>
internal static class ConstantText
{
    /// <summary>Larger constants print as a label.</summary>
    public const int MaxInlineElements = 32;

    public static string Print(Value constant)
    {
        Tensor data = constant.ConstantData!;
        if (data.Count == 0)
        {
            return "{}";
        }
        if (data.Count <= MaxInlineElements)
        {
            string[] elements = Elements(data, (int)data.Count);
            return elements.Distinct().Count() == 1 ? elements[0] : $"{{{string.Join(", ", elements)}}}";
        }
        int size = data.Type.Size();
        return data.HasBytesOf(data, size, data.ByteCount - size) ? Elements(data, 1)[0] : $"#{constant.DataLabel}";
    }

    /// <exception cref="ShapeException">A number does not fit the type, or the count differs.</exception>
    public static Tensor Parse(ElementType type, long[] shape, IReadOnlyList<string> numbers, bool fill)
    {
        long count = Strided.Count(shape);
        ShapeRules.Expect(fill || numbers.Count == count, $"{numbers.Count} numbers for {count} elements");
        var bytes = new byte[count * type.Size()];
        int at = 0;
        foreach (string number in count == 0 ? [] : numbers)
        {
            Element(type, number).Data.Span.CopyTo(bytes.AsSpan(at));
            at += type.Size();
        }
        for (; fill && at < bytes.Length; at += type.Size())
        {
            bytes.AsSpan(0, type.Size()).CopyTo(bytes.AsSpan(at));
        }
        return new Tensor(type, shape, bytes);
    }

    /// <summary>Pseudo-random data from a label: floats in [−1, 1), integers and booleans 0 or 1 (so that they are valid indices).</summary>
    public static Tensor Random(ElementType type, long[] shape, string label)
    {
        ulong state = 14695981039346656037; // FNV-1a of the label
        foreach (char c in label)
        {
            state = (state ^ c) * 1099511628211;
        }
        var values = new double[Strided.Count(shape)];
        for (int i = 0; i < values.Length; i++)
        {
            ulong bits = SplitMix(ref state) >> 40;
            values[i] = type.IsFloat() ? (bits * (1.0 / (1 << 23))) - 1 : bits & 1;
        }
        return TensorMath.FromDoubles(type, shape, values);
    }

    /// <summary>SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").</summary>
    private static ulong SplitMix(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private static string[] Elements(Tensor data, int count)
    {
        var some = new Tensor(data.Type, [count], data.Bytes(0, count * data.Type.Size()).ToArray());
        return data.Type switch
        {
            ElementType.F64 => Array.ConvertAll(TensorMath.Doubles(some), v => double.IsFinite(v) ? v.ToString("R", CultureInfo.InvariantCulture) : FloatText.Print(v)),
            ElementType.Bool => Array.ConvertAll(TensorMath.Longs(some), v => v != 0 ? "true" : "false"),
            ElementType.U64 => Array.ConvertAll(TensorMath.Longs(some), v => ((ulong)v).ToString(CultureInfo.InvariantCulture)),
            _ when data.Type.IsInteger() => Array.ConvertAll(TensorMath.Longs(some), v => v.ToString(CultureInfo.InvariantCulture)),
            _ => Array.ConvertAll(TensorMath.Doubles(some), v => FloatText.Print((float)v)),
        };
    }

    private static Tensor Element(ElementType type, string number)
    {
        Tensor? element = null;
        if (type == ElementType.F64)
        {
            element = FloatText.TryParse(number, out double value) ? TensorMath.FromDoubles(type, [1], [value]) : null;
        }
        else if (type.IsFloat())
        {
            element = FloatText.TryParse(number, out float value) ? TensorMath.FromDoubles(type, [1], [value]) : null;
        }
        else if (type == ElementType.Bool)
        {
            element = number is "true" or "false" ? TensorMath.FromLongs(type, [1], [number == "true" ? 1 : 0]) : null;
        }
        else if (type == ElementType.U64)
        {
            element = ulong.TryParse(number, CultureInfo.InvariantCulture, out ulong value) ? TensorMath.FromLongs(type, [1], [(long)value]) : null;
        }
        else if (long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
        {
            Tensor narrow = TensorMath.FromLongs(type, [1], [value]);
            element = TensorMath.Longs(narrow)[0] == value ? narrow : null;
        }
        return element ?? throw new ShapeException($"'{number}' is not an element of {type.Name()}");
    }
}
