using System.Numerics;
using System.Runtime.InteropServices;
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
        var values = new double[tensor.Count];
        ReadOnlySpan<byte> bytes = tensor.Data.Span;
        switch (tensor.Type)
        {
            case ElementType.F32: Read<float>(bytes, values, x => x); break;
            case ElementType.F64: Read<double>(bytes, values, x => x); break;
            case ElementType.F16: Read<Half>(bytes, values, x => (double)x); break;
            case ElementType.BF16: Read<ushort>(bytes, values, x => BitConverter.UInt32BitsToSingle((uint)x << 16)); break;
            case ElementType.U64: Read<ulong>(bytes, values, x => x); break;
            default: Read<long>(MemoryMarshal.AsBytes(Longs(tensor).AsSpan()), values, x => x); break;
        }
        return values;
    }

    public static long[] Longs(Tensor tensor)
    {
        var values = new long[tensor.Count];
        ReadOnlySpan<byte> bytes = tensor.Data.Span;
        switch (tensor.Type)
        {
            case ElementType.I8: Read<sbyte>(bytes, values, x => x); break;
            case ElementType.U8: Read<byte>(bytes, values, x => x); break;
            case ElementType.Bool: Read<byte>(bytes, values, x => x != 0 ? 1 : 0); break;
            case ElementType.I16: Read<short>(bytes, values, x => x); break;
            case ElementType.U16: Read<ushort>(bytes, values, x => x); break;
            case ElementType.I32: Read<int>(bytes, values, x => x); break;
            case ElementType.U32: Read<uint>(bytes, values, x => x); break;
            case ElementType.I64 or ElementType.U64: Read<long>(bytes, values, x => x); break;
            default: Read<double>(MemoryMarshal.AsBytes(Doubles(tensor).AsSpan()), values, long.CreateSaturating); break;
        }
        return values;
    }

    /// <summary>Floats round to nearest even; integers truncate towards zero and saturate, NaN gives 0; bool is x ≠ 0.</summary>
    public static Tensor FromDoubles(ElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<double> values)
    {
        var bytes = new byte[checked(values.Length * type.Size())];
        switch (type)
        {
            case ElementType.F32: Write<double, float>(values, bytes, x => (float)x); break;
            case ElementType.F64: Write<double, double>(values, bytes, x => x); break;
            case ElementType.F16: Write<double, Half>(values, bytes, x => (Half)x); break;
            case ElementType.BF16: Write<double, ushort>(values, bytes, x => ToBF16((float)x)); break;
            case ElementType.I8: Write<double, sbyte>(values, bytes, sbyte.CreateSaturating); break;
            case ElementType.U8: Write<double, byte>(values, bytes, byte.CreateSaturating); break;
            case ElementType.I16: Write<double, short>(values, bytes, short.CreateSaturating); break;
            case ElementType.U16: Write<double, ushort>(values, bytes, ushort.CreateSaturating); break;
            case ElementType.I32: Write<double, int>(values, bytes, int.CreateSaturating); break;
            case ElementType.U32: Write<double, uint>(values, bytes, uint.CreateSaturating); break;
            case ElementType.I64: Write<double, long>(values, bytes, long.CreateSaturating); break;
            case ElementType.U64: Write<double, ulong>(values, bytes, ulong.CreateSaturating); break;
            case ElementType.Bool: Write<double, byte>(values, bytes, x => (byte)(x != 0 ? 1 : 0)); break;
            default: throw new ShapeException($"{type.Name()} is not evaluated");
        }
        return new Tensor(type, shape, bytes);
    }

    /// <summary>Integers modulo their width; bool is x ≠ 0; floats round to nearest even.</summary>
    public static Tensor FromLongs(ElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<long> values)
    {
        var bytes = new byte[checked(values.Length * type.Size())];
        switch (type)
        {
            case ElementType.I8 or ElementType.U8: Write<long, byte>(values, bytes, x => unchecked((byte)x)); break;
            case ElementType.I16 or ElementType.U16: Write<long, ushort>(values, bytes, x => unchecked((ushort)x)); break;
            case ElementType.I32 or ElementType.U32: Write<long, uint>(values, bytes, x => unchecked((uint)x)); break;
            case ElementType.I64 or ElementType.U64: Write<long, long>(values, bytes, x => x); break;
            case ElementType.Bool: Write<long, byte>(values, bytes, x => (byte)(x != 0 ? 1 : 0)); break;
            default: return FromDoubles(type, shape, Array.ConvertAll(values.ToArray(), x => (double)x));
        }
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

    private static ushort ToBF16(float x)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void Read<T>(ReadOnlySpan<byte> bytes, double[] values, Func<T, double> convert) where T : unmanaged
    {
        ReadOnlySpan<T> source = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = convert(source[i]);
        }
    }

    private static void Read<T>(ReadOnlySpan<byte> bytes, long[] values, Func<T, long> convert) where T : unmanaged
    {
        ReadOnlySpan<T> source = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = convert(source[i]);
        }
    }

    private static void Write<TFrom, TTo>(ReadOnlySpan<TFrom> values, Span<byte> bytes, Func<TFrom, TTo> convert) where TTo : unmanaged
    {
        Span<TTo> target = MemoryMarshal.Cast<byte, TTo>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            target[i] = convert(values[i]);
        }
    }
}
