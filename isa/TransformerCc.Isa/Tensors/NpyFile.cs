using System.Buffers.Binary;
using System.Text;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Numerics;

namespace TransformerCc.Isa.Tensors;

/// <summary>
/// NumPy <c>.npy</c> files, format 1.0 to 3.0, little-endian; read up to 2 GiB of data. Fortran order is transposed to row
/// major when read. NumPy has no bf16 and no 8-bit floats: such tensors are written as f32, which holds every value.
/// </summary>
public static class NpyFile
{
    private const int WriteBytes = 1 << 20;

    /// <summary>Whether NumPy has the type: tensors of others are f32 in files.</summary>
    public static bool Holds(ElementType type) => NpyHeader.Supports(type);

    /// <exception cref="DiagnosticException">TCC4001: cannot be read; TCC4010 to TCC4014: not a file this reader accepts.</exception>
    public static Tensor Read(string path) => FileKinds.Explained(path, FileRole.Array, () =>
    {
        try
        {
            using FileStream stream = InputFile.Open(path);
            return Read(stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC4001", $"cannot read the file: {e.Message}", path));
        }
    });

    /// <summary>Reads one array, which must end where the stream ends.</summary>
    /// <param name="stream">Seekable, so that a length that the header only claims is never allocated.</param>
    /// <param name="location">Named in diagnostics.</param>
    /// <exception cref="DiagnosticException">TCC4010 to TCC4014.</exception>
    public static Tensor Read(Stream stream, string location)
    {
        ArgumentNullException.ThrowIfNull(stream);
        NpyHeader header = ReadHeader(stream, location);
        long bytes = DataBytes(header, location), remaining = stream.Length - stream.Position;
        if (bytes != remaining)
        {
            throw Refuse("TCC4014", $"a {header.Type.Name()} array of shape [{string.Join(", ", header.Shape)}] takes {bytes} bytes, the file holds {remaining} after its header", location);
        }
        var data = new byte[bytes];
        stream.ReadExactly(data);
        if (header.Type == ElementType.Bool)
        {
            // Any other non-zero byte is true as well; 1 is its only form from here on.
            foreach (ref byte b in data.AsSpan())
            {
                b = (byte)(b == 0 ? 0 : 1);
            }
        }
        return new Tensor(header.Type, header.Shape, header.IsFortranOrder ? ToRowMajor(data, header) : data);
    }

    /// <summary>Writes through <see cref="AtomicFile"/>.</summary>
    /// <exception cref="DiagnosticException">TCC4002: cannot be written.</exception>
    public static void Write(string path, Tensor tensor) => AtomicFile.Write(path, stream => Write(stream, tensor));

    public static void Write(Stream stream, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensor);
        ElementType type = Holds(tensor.Type) ? tensor.Type : ElementType.F32;
        stream.Write(new NpyHeader(type, IsFortranOrder: false, tensor.Shape.ToArray()).Format());
        if (type == tensor.Type)
        {
            for (long at = 0; at < tensor.ByteCount; at += WriteBytes)
            {
                stream.Write(tensor.Bytes(at, (int)long.Min(WriteBytes, tensor.ByteCount - at)));
            }
            return;
        }
        const int Block = 4096;
        var values = new float[Block];
        var bytes = new byte[Block * sizeof(float)];
        for (long at = 0; at < tensor.Count; at += Block)
        {
            Span<float> block = values.AsSpan(0, (int)long.Min(Block, tensor.Count - at));
            NumericFormat.WidenToF32(tensor.Type, tensor.Bytes(at * tensor.Type.Size(), block.Length * tensor.Type.Size()), block);
            NumericFormat.NarrowFromF32(ElementType.F32, block, bytes);
            stream.Write(bytes.AsSpan(0, block.Length * sizeof(float)));
        }
    }

    private static NpyHeader ReadHeader(Stream stream, string location)
    {
        Span<byte> prefix = stackalloc byte[12];
        int read = stream.ReadAtLeast(prefix[..8], 8, throwOnEndOfStream: false);
        if (read < 8 || !prefix.StartsWith(NpyHeader.Magic))
        {
            throw Refuse("TCC4010", "not a NumPy array: it does not begin with \\x93NUMPY", location);
        }
        if (prefix[6] is < 1 or > 3 || prefix[7] != 0)
        {
            throw Refuse("TCC4011", $"version {prefix[6]}.{prefix[7]} of the NumPy format is not known", location);
        }
        int lengthBytes = prefix[6] == 1 ? 2 : 4;
        prefix[8..].Clear();
        if (stream.ReadAtLeast(prefix.Slice(8, lengthBytes), lengthBytes, throwOnEndOfStream: false) < lengthBytes)
        {
            throw Refuse("TCC4012", "the file ends inside the header", location);
        }
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        if (length > NpyHeader.MaxLength)
        {
            throw Refuse("TCC4012", $"a header of {length} bytes is longer than the {NpyHeader.MaxLength} allowed", location);
        }
        var text = new byte[length];
        if (stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false) < text.Length)
        {
            throw Refuse("TCC4012", "the file ends inside the header", location);
        }
        // Every header that names a supported type is ASCII, in all three versions.
        (NpyHeader? header, string error) = NpyHeader.Parse(Encoding.Latin1.GetString(text));
        return header ?? throw Refuse("TCC4012", error, location);
    }

    /// <summary>Dimensions of zero do not excuse others that overflow: whoever multiplies them in another order would fail.</summary>
    private static long DataBytes(NpyHeader header, string location)
    {
        Int128 bytes = header.Type.Size();
        foreach (long d in header.Shape)
        {
            bytes *= long.Max(d, 1);
            if (bytes > Array.MaxLength)
            {
                throw Refuse("TCC4013", $"the array of shape [{string.Join(", ", header.Shape)}] is larger than 2 GiB", location);
            }
        }
        return header.Shape.Contains(0) ? 0 : (long)bytes;
    }

    private static byte[] ToRowMajor(byte[] data, NpyHeader header)
    {
        int size = header.Type.Size(), rank = header.Shape.Length;
        var result = new byte[data.Length];
        var index = new long[rank];
        for (int to = 0; to < data.Length; to += size)
        {
            long from = 0;
            for (int axis = rank - 1; axis >= 0; axis--)
            {
                from = (from * header.Shape[axis]) + index[axis];
            }
            data.AsSpan((int)from * size, size).CopyTo(result.AsSpan(to));
            for (int axis = rank - 1; axis >= 0 && ++index[axis] == header.Shape[axis]; axis--)
            {
                index[axis] = 0;
            }
        }
        return result;
    }

    private static DiagnosticException Refuse(string code, string message, string location) => new(Diagnostic.Error(code, message, location));
}
