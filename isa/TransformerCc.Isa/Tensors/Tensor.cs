using System.Runtime.InteropServices;

namespace TransformerCc.Isa.Tensors;

/// <summary>
/// A dense row-major array of one element type. The bytes may be memory-mapped: a tensor never copies what it is given.
/// </summary>
public sealed class Tensor
{
    private readonly long[] _shape;

    public Tensor(ElementType type, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data)
    {
        Type = type;
        _shape = shape.ToArray();
        Count = 1;
        foreach (long d in _shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(d);
            Count = checked(Count * d);
        }
        if (data.Length != checked(Count * type.Size()))
        {
            throw new ArgumentException($"a {type.Name()} tensor of shape [{string.Join(", ", _shape)}] needs {Count * type.Size()} bytes, {data.Length} given");
        }
        Data = data;
    }

    public ElementType Type { get; }

    public ReadOnlySpan<long> Shape => _shape;

    public int Rank => _shape.Length;

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>The elements viewed as <typeparamref name="T"/>, whose size must be the element's.</summary>
    public ReadOnlySpan<T> AsSpan<T>() where T : unmanaged
    {
        if (System.Runtime.CompilerServices.Unsafe.SizeOf<T>() != Type.Size())
        {
            throw new InvalidOperationException($"{typeof(T).Name} does not view {Type.Name()}");
        }
        return MemoryMarshal.Cast<byte, T>(Data.Span);
    }

    public static Tensor From<T>(ElementType type, ReadOnlySpan<long> shape, ReadOnlySpan<T> values) where T : unmanaged =>
        new(type, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>The same bytes under another shape of the same element count.</summary>
    public Tensor Reshape(ReadOnlySpan<long> shape) => new(Type, shape, Data);
}
