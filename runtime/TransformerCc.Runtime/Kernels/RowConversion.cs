using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Kernels;

/// <summary>Rows of vector operands to and from f32 and 64-bit integers, single elements repeated.</summary>
internal static unsafe class RowConversion
{
    public static void ReadIntegers(ElementType format, byte* source, Span<long> values) =>
        NumericFormat.WidenToInt64(format, new ReadOnlySpan<byte>(source, values.Length * format.Size()), values);

    public static void ReadFloats(ElementType format, byte* source, Span<float> values) =>
        NumericFormat.WidenToF32(format, new ReadOnlySpan<byte>(source, checked(values.Length * format.Size())), values);

    /// <summary>Elements column … column + n of a row as f32: the operand's own memory where it is plain, else the buffer.</summary>
    public static ReadOnlySpan<float> Floats(in VectorView view, int row, int column, Span<float> buffer)
    {
        byte* source = view.At(row, column);
        if (view.IsPlain)
        {
            return new ReadOnlySpan<float>(source, buffer.Length);
        }
        if (view.IsSingle)
        {
            ReadFloats(view.Format, source, buffer[..1]);
            buffer.Fill(buffer[0]);
        }
        else
        {
            ReadFloats(view.Format, source, buffer);
        }
        return buffer;
    }

    /// <summary>The same, always as a copy that may be changed.</summary>
    public static void CopyFloats(in VectorView view, int row, Span<float> buffer)
    {
        ReadOnlySpan<float> values = Floats(in view, row, 0, buffer);
        if (view.IsPlain)
        {
            values.CopyTo(buffer);
        }
    }

    public static void Integers(in VectorView view, int row, int column, Span<long> buffer)
    {
        if (view.IsSingle)
        {
            ReadIntegers(view.Format, view.At(row, column), buffer[..1]);
            buffer.Fill(buffer[0]);
        }
        else
        {
            ReadIntegers(view.Format, view.At(row, column), buffer);
        }
    }

    /// <summary>Writes with rounding and canonical NaN. Into a single element only the last value of the row remains.</summary>
    public static void WriteFloats(in VectorView view, int row, int column, ReadOnlySpan<float> values)
    {
        values = view.IsSingle ? values[^1..] : values;
        NumericFormat.NarrowFromF32(view.Format, values, new Span<byte>(view.At(row, column), values.Length * view.ElementSize));
    }

    /// <summary>Where to compute elements column … of a row: the operand's own memory where it is plain, else the buffer.</summary>
    public static Span<float> Target(in VectorView view, int row, int column, Span<float> buffer) =>
        view.IsPlain ? new Span<float>(view.At(row, column), buffer.Length) : buffer;

    /// <summary>Ends what <see cref="Target"/> began.</summary>
    public static void Finish(in VectorView view, int row, int column, Span<float> values)
    {
        if (view.IsPlain)
        {
            FloatBits.Canonicalize(values);
        }
        else
        {
            WriteFloats(in view, row, column, values);
        }
    }

    public static void WriteIntegers(in VectorView view, int row, int column, ReadOnlySpan<long> values)
    {
        values = view.IsSingle ? values[^1..] : values;
        NumericFormat.NarrowFromInt64(view.Format, values, new Span<byte>(view.At(row, column), values.Length * view.ElementSize));
    }
}
