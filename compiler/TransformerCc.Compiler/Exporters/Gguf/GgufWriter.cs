using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>
/// Writes GGUF files: keys and tensors are announced first, then everything is written in one pass, the data of one tensor
/// after the other, so that a model of any size needs no memory of its size.
/// </summary>
/// <param name="version">1 has 32-bit counts, 2 and 3 are the same but for the number.</param>
/// <param name="alignment">The data of a tensor begin at a multiple of it.</param>
public sealed class GgufWriter(int version = 3, int alignment = GgufFile.DefaultAlignment)
{
    private readonly List<(string Key, GgufValueType Type, byte[] Payload)> _values = [];
    private readonly List<(string Name, GgufTensorType Type, long[] Shape, long Bytes, Action<Stream>? Data)> _tensors = [];

    /// <summary>A number or a bool: byte to ulong, sbyte to long, float, double, bool.</summary>
    public GgufWriter Add<T>(string key, T value) where T : unmanaged => AddRaw(key, TypeOf<T>(), MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)));

    public GgufWriter Add(string key, string value) => AddRaw(key, GgufValueType.String, Text(value));

    /// <summary>An array of numbers or bools.</summary>
    public GgufWriter Add<T>(string key, ReadOnlySpan<T> values) where T : unmanaged =>
        AddRaw(key, GgufValueType.Array, [.. BitConverter.GetBytes((uint)TypeOf<T>()), .. Count(values.Length), .. MemoryMarshal.AsBytes(values)]);

    public GgufWriter Add(string key, IReadOnlyCollection<string> values) =>
        AddRaw(key, GgufValueType.Array, [.. BitConverter.GetBytes((uint)GgufValueType.String), .. Count(values.Count), .. values.SelectMany(Text)]);

    /// <summary>A value by the bytes that follow its type in the file.</summary>
    public GgufWriter AddRaw(string key, GgufValueType type, ReadOnlySpan<byte> payload)
    {
        _values.Add((key, type, payload.ToArray()));
        return this;
    }

    /// <summary>The numbers, bools and texts that were added, as a reader sees them.</summary>
    internal IEnumerable<(string Key, GgufValue Value)> Scalars()
    {
        foreach ((string key, GgufValueType type, byte[] payload) in _values)
        {
            if (type == GgufValueType.String)
            {
                yield return (key, new GgufValue(Encoding.UTF8.GetString(payload.AsSpan(Count(0).Length))));
            }
            else if (type.Size() > 0)
            {
                var bits = new byte[8];
                payload.CopyTo(bits, 0);
                yield return (key, new GgufValue(type, BitConverter.ToUInt64(bits)));
            }
        }
    }

    /// <summary>A tensor. Its shape is row-major; <paramref name="data"/> writes exactly the bytes that type and shape ask for.</summary>
    public GgufWriter AddTensor(string name, GgufTensorType type, IReadOnlyList<long> shape, Action<Stream> data) => Announce(name, type, shape, data);

    /// <summary>
    /// A tensor without data: a hole in the file, where the file system has them. Its first bytes are a number of its own, so
    /// that no two are taken for copies of each other.
    /// </summary>
    public GgufWriter AddHole(string name, GgufTensorType type, IReadOnlyList<long> shape) => Announce(name, type, shape, null);

    private GgufWriter Announce(string name, GgufTensorType type, IReadOnlyList<long> shape, Action<Stream>? data)
    {
        long rows = shape.Take(shape.Count - 1).Aggregate(1L, (product, size) => checked(product * size));
        _tensors.Add((name, type, [.. shape], checked(rows * type.RowBytes(shape[^1])), data));
        return this;
    }

    public GgufWriter AddTensor(string name, GgufTensorType type, IReadOnlyList<long> shape, ReadOnlyMemory<byte> data) => AddTensor(name, type, shape, s => s.Write(data.Span));

    /// <summary>A tensor of f32.</summary>
    public GgufWriter AddTensor(string name, IReadOnlyList<long> shape, ReadOnlySpan<float> data) =>
        AddTensor(name, GgufTensorType.F32, shape, MemoryMarshal.AsBytes(data).ToArray());

    /// <summary>Writes the file, whole or not at all.</summary>
    /// <exception cref="DiagnosticException">The file cannot be written.</exception>
    public void WriteFile(string path) => AtomicFile.Write(path, Write);

    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        Write(stream);
        return stream.ToArray();
    }

    public void Write(Stream stream)
    {
        long at = WriteHead(stream);
        WritePadding(stream, ref at);
        long holes = 0;
        foreach ((string name, _, _, long bytes, Action<Stream>? data) in _tensors)
        {
            if (data is null)
            {
                ReadOnlySpan<byte> number = BitConverter.GetBytes(++holes).AsSpan(0, (int)long.Min(sizeof(long), bytes));
                stream.Write(number);
                stream.Seek(Aligned(bytes) - number.Length, SeekOrigin.Current);
                stream.SetLength(long.Max(stream.Length, stream.Position));
                at = Aligned(at + bytes);
                continue;
            }
            using var counting = new CountingStream(stream);
            data(counting);
            if (counting.Written != bytes)
            {
                throw new InvalidOperationException($"{name} needs {bytes} bytes, {counting.Written} were written");
            }
            at += bytes;
            WritePadding(stream, ref at);
        }
    }

    private long WriteHead(Stream stream)
    {
        using var head = new MemoryStream();
        head.Write(GgufFile.Magic);
        head.Write(BitConverter.GetBytes(version));
        bool isAligned = alignment == GgufFile.DefaultAlignment;
        head.Write(Count(_tensors.Count));
        head.Write(Count(_values.Count + (isAligned ? 0 : 1)));
        foreach ((string key, GgufValueType type, byte[] payload) in isAligned ? _values : _values.Append(("general.alignment", GgufValueType.U32, BitConverter.GetBytes(alignment))))
        {
            head.Write(Text(key));
            head.Write(BitConverter.GetBytes((uint)type));
            head.Write(payload);
        }
        long offset = 0;
        foreach ((string name, GgufTensorType type, long[] shape, long bytes, _) in _tensors)
        {
            head.Write(Text(name));
            head.Write(BitConverter.GetBytes(shape.Length));
            foreach (long size in shape.Reverse())
            {
                head.Write(Count(size));
            }
            head.Write(BitConverter.GetBytes(type.Id));
            head.Write(BitConverter.GetBytes(offset));
            offset = Aligned(offset + bytes);
        }
        head.WriteTo(stream);
        return head.Length;
    }

    private long Aligned(long offset) => (offset + alignment - 1) / alignment * alignment;

    private void WritePadding(Stream stream, ref long at)
    {
        stream.Write(new byte[Aligned(at) - at]);
        at = Aligned(at);
    }

    private byte[] Count(long count)
    {
        var bytes = new byte[version == 1 ? 4 : 8];
        if (version == 1)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, checked((uint)count));
        }
        else
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, count);
        }
        return bytes;
    }

    private byte[] Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return [.. Count(bytes.Length), .. bytes];
    }

    private static GgufValueType TypeOf<T>() => Type.GetTypeCode(typeof(T)) switch
    {
        TypeCode.Byte => GgufValueType.U8,
        TypeCode.SByte => GgufValueType.I8,
        TypeCode.UInt16 => GgufValueType.U16,
        TypeCode.Int16 => GgufValueType.I16,
        TypeCode.UInt32 => GgufValueType.U32,
        TypeCode.Int32 => GgufValueType.I32,
        TypeCode.Single => GgufValueType.F32,
        TypeCode.Boolean => GgufValueType.Bool,
        TypeCode.UInt64 => GgufValueType.U64,
        TypeCode.Int64 => GgufValueType.I64,
        TypeCode.Double => GgufValueType.F64,
        _ => throw new ArgumentException($"GGUF has no values of type {typeof(T).Name}"),
    };

    /// <summary>Counts what passes through; the stream behind stays open.</summary>
    private sealed class CountingStream(Stream inner) : Stream
    {
        public long Written { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Written;

        public override long Position { get => Written; set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            inner.Write(buffer);
            Written += buffer.Length;
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
