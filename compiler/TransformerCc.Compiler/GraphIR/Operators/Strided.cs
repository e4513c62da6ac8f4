using System.Runtime.InteropServices;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// Walks the elements of a result in row-major order and keeps the element offset into one operand:
/// start + Σ index[d]·strides[d].
/// </summary>
public struct StridedWalk(long[] shape, long[] strides, long start = 0)
{
    private readonly long[] _index = new long[shape.Length];

    /// <summary>In elements.</summary>
    public long Offset { get; private set; } = start;

    public readonly ReadOnlySpan<long> Index => _index;

    public void Next()
    {
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            Offset += strides[d];
            if (++_index[d] < shape[d])
            {
                return;
            }
            Offset -= strides[d] * shape[d];
            _index[d] = 0;
        }
    }
}

/// <summary>Element strides and strided copies.</summary>
public static class Strided
{
    public static long Count(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long d in shape)
        {
            count = checked(count * d);
        }
        return count;
    }

    public static long[] RowMajor(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            strides[d] = stride;
            stride = checked(stride * shape[d]);
        }
        return strides;
    }

    /// <summary>Strides that read an operand at every index of the shape it broadcasts to: 0 where it is stretched.</summary>
    public static long[] Broadcast(ReadOnlySpan<long> operand, ReadOnlySpan<long> result)
    {
        long[] own = RowMajor(operand), strides = new long[result.Length];
        for (int i = 1; i <= operand.Length; i++)
        {
            ShapeRules.Expect(operand[^i] == 1 || operand[^i] == result[^i], $"size {operand[^i]} does not broadcast to {result[^i]}");
            strides[^i] = operand[^i] == 1 ? 0 : own[^i];
        }
        return strides;
    }

    /// <summary>result[i] = source[start + Σ i[d]·strides[d]].</summary>
    public static Tensor Copy(Tensor source, long[] shape, long[] strides, long start = 0)
    {
        var bytes = new byte[checked(Count(shape) * source.Type.Size())];
        CopyTo(source, bytes, shape, strides, start);
        return new Tensor(source.Type, shape, bytes);
    }

    private static void CopyTo(Tensor source, Span<byte> destination, long[] shape, long[] strides, long start)
    {
        switch (source.Type.Size())
        {
            case 1: CopyElements(source.Data.Span, destination, shape, strides, start); break;
            case 2: CopyElements(MemoryMarshal.Cast<byte, ushort>(source.Data.Span), MemoryMarshal.Cast<byte, ushort>(destination), shape, strides, start); break;
            case 4: CopyElements(MemoryMarshal.Cast<byte, uint>(source.Data.Span), MemoryMarshal.Cast<byte, uint>(destination), shape, strides, start); break;
            default: CopyElements(MemoryMarshal.Cast<byte, ulong>(source.Data.Span), MemoryMarshal.Cast<byte, ulong>(destination), shape, strides, start); break;
        }
    }

    private static void CopyElements<T>(ReadOnlySpan<T> source, Span<T> destination, long[] shape, long[] strides, long start)
    {
        var walk = new StridedWalk(shape, strides, start);
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = source[(int)walk.Offset];
            walk.Next();
        }
    }
}
