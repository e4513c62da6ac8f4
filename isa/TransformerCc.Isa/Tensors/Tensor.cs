using System.Runtime.InteropServices;

namespace TransformerCc.Isa.Tensors;

/// <summary>
/// A dense row-major array of one element type. The bytes may be memory-mapped: a tensor never copies what it is given.
/// </summary>
/// <remarks>
/// Weights may have more bytes than one span can view. Such a tensor is long: it gives parts of its bytes (<see cref="Bytes"/>)
/// and has no <see cref="Data"/>. Whoever streams weights asks for parts and need not know which kind it is.
/// </remarks>
public sealed class Tensor
{
    /// <summary>Bytes compared at a time.</summary>
    private const int ComparedBytes = 1 << 24;

    private readonly long[] _shape;
    private readonly ReadOnlyMemory<byte> _data;
    private readonly LongBytes? _long;

    public Tensor(ElementType type, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> data)
        : this(type, shape, data.Length) => _data = data;

    /// <summary>A long tensor, however few its bytes are: nothing reads it as a whole.</summary>
    public Tensor(ElementType type, ReadOnlySpan<long> shape, LongBytes bytes)
        : this(type, shape, (bytes ?? throw new ArgumentNullException(nameof(bytes))).Length) => _long = bytes;

    private Tensor(ElementType type, ReadOnlySpan<long> shape, long given)
    {
        Type = type;
        _shape = shape.ToArray();
        Count = 1;
        foreach (long d in _shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(d);
            Count = checked(Count * d);
        }
        if (given != checked(Count * type.Size()))
        {
            throw new ArgumentException($"a {type.Name()} tensor of shape [{string.Join(", ", _shape)}] needs {Count * type.Size()} bytes, {given} given");
        }
    }

    /// <summary>A tensor of bytes of any length, which is long only where one span cannot view it.</summary>
    public static Tensor Of(ElementType type, ReadOnlySpan<long> shape, LongBytes bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return bytes.Length <= Array.MaxLength ? new(type, shape, bytes.Memory(0, (int)bytes.Length)) : new(type, shape, bytes);
    }

    public ElementType Type { get; }

    public ReadOnlySpan<long> Shape => _shape;

    public int Rank => _shape.Length;

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    public long ByteCount => Count * Type.Size();

    /// <summary>Whether the bytes are given in parts only.</summary>
    public bool IsLong => _long is not null;

    /// <summary>All bytes.</summary>
    /// <exception cref="DiagnosticException">TCC4030: the tensor is long.</exception>
    public ReadOnlyMemory<byte> Data => _long is null ? _data : throw new DiagnosticException(Diagnostic.Error("TCC4030",
        FormattableString.Invariant($"a tensor of {ByteCount} bytes, {Type.Name()}[{string.Join(", ", _shape)}], is needed as a whole; that is possible up to 2 GiB"), _long.Location,
        "larger ones are tables of look-ups and weights of products; cut this one into parts, or compute what is computed from it before the model is exported"));

    /// <summary>A part of the bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the tensor.</exception>
    public ReadOnlySpan<byte> Bytes(long offset, int length)
    {
        if (_long is not null)
        {
            return _long.Span(offset, length);
        }
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _data.Length);
        return _data.Span.Slice((int)offset, length);
    }

    /// <summary>The elements viewed as <typeparamref name="T"/>, whose size must be the element's.</summary>
    /// <exception cref="DiagnosticException">TCC4030: the tensor is long.</exception>
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
    public Tensor Reshape(ReadOnlySpan<long> shape) => _long is null ? new(Type, shape, _data) : new(Type, shape, _long);

    /// <summary>Some of what lies along the first dimension: a view of the same bytes.</summary>
    public Tensor Rows(long first, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, _shape[0] - count);
        long[] shape = [count, .. _shape[1..]];
        long row = _shape[0] == 0 ? 0 : ByteCount / _shape[0];
        return _long is null ? new(Type, shape, _data.Slice((int)(first * row), (int)(count * row))) : Of(Type, shape, _long.Slice(first * row, count * row));
    }

    /// <summary>Whether another tensor has the same bytes; types and shapes are not looked at.</summary>
    public bool HasBytesOf(Tensor other)
    {
        ArgumentNullException.ThrowIfNull(other);
        bool isSame = _long is null ? other._long is null && _data.Equals(other._data) : ReferenceEquals(_long, other._long);
        return isSame || (ByteCount == other.ByteCount && HasBytesOf(other, 0, ByteCount));
    }

    /// <summary>
    /// Whether the <paramref name="count"/> bytes from <paramref name="offset"/> on are the first of another tensor; the other
    /// may be this one.
    /// </summary>
    public bool HasBytesOf(Tensor other, long offset, long count)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (long at = 0; at < count; at += ComparedBytes)
        {
            int length = (int)long.Min(ComparedBytes, count - at);
            if (!Bytes(offset + at, length).SequenceEqual(other.Bytes(at, length)))
            {
                return false;
            }
        }
        return true;
    }
}
