using System.Globalization;
using System.Runtime.InteropServices;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>Turns a TensorProto into a tensor: a view of the mapped file, of an external data file, or of its typed fields.</summary>
/// <param name="path">The file the tensor stands in; external data lies in its folder.</param>
/// <param name="bytes">The bytes of that file, into which a tensor without its large data points.</param>
internal sealed class TensorReader(string path, ReadOnlyMemory<byte> bytes)
{
    public const long MaximumElements = 1L << 40;

    private const int MaximumRank = 16;

    /// <exception cref="DiagnosticException">The data is missing, of another size, or of a type the graph does not have.</exception>
    public Tensor Read(TensorProto proto, string name)
    {
        if (OnnxElementTypes.Find(proto.DataType) is not { } type)
        {
            throw Bad(ImportCodes.ElementType, name, $"element type {OnnxElementTypes.Name(proto.DataType)} is not supported");
        }
        long count = 1;
        foreach (long d in proto.Dims)
        {
            if (d < 0 || (d > 0 && count > MaximumElements / d))
            {
                throw Bad(d < 0 ? ImportCodes.BadTensor : ImportCodes.Limit, name, $"dimensions [{string.Join(", ", proto.Dims)}] are not possible");
            }
            count *= d;
        }
        if (proto.Dims.Count > MaximumRank)
        {
            throw Bad(ImportCodes.Limit, name, $"{proto.Dims.Count} dimensions: at most {MaximumRank} are read");
        }
        bool isPacked = type.Bits() < 8;
        long size = isPacked ? ((count * type.Bits()) + 7) / 8 : count * type.Size();
        if (isPacked && count > Array.MaxLength)
        {
            throw Bad(ImportCodes.Limit, name, $"{count} elements of {type.Name()}, which are unpacked to a byte each: that is possible up to {Array.MaxLength}",
                "store larger ones as bytes with several codes (MatMulNBits, GatherBlockQuantized)");
        }
        if (proto.DataLocation == TensorProto.Types.DataLocation.External && size > Array.MaxLength)
        {
            return new Tensor(type, [.. proto.Dims], External(proto, size, name, (file, offset) => MappedFile.OpenLong(file, ImportCodes.ExternalData, offset, size, Where(name))));
        }
        ReadOnlyMemory<byte> data = Data(proto, type, count, size, name);
        if (data.Length != size)
        {
            throw Bad(ImportCodes.BadTensor, name, $"a {type.Name()} tensor of dimensions [{string.Join(", ", proto.Dims)}] needs {size} bytes, {data.Length} are given");
        }
        return new Tensor(type, [.. proto.Dims], isPacked ? Unpack(type, data.Span, count) : data);
    }

    /// <summary>Elements narrower than a byte are packed from the low bits of each byte upwards; a tensor has one in each byte.</summary>
    private static byte[] Unpack(ElementType type, ReadOnlySpan<byte> packed, long count)
    {
        int bits = type.Bits(), perByte = 8 / bits;
        var elements = new byte[count];
        for (int i = 0; i < elements.Length; i++)
        {
            byte code = (byte)(packed[i / perByte] >> (i % perByte * bits) & ((1 << bits) - 1));
            elements[i] = type.IsInteger() ? NumericFormat.ToSubByte(type, code) : code;
        }
        return elements;
    }

    private ReadOnlyMemory<byte> Data(TensorProto proto, ElementType type, long count, long size, string name)
    {
        if (proto.DataLocation == TensorProto.Types.DataLocation.External)
        {
            return External(proto, size, name, (file, offset) => MappedFile.Open(file, ImportCodes.ExternalData, offset, size));
        }
        if (proto.MappedLength > 0)
        {
            return bytes.Slice((int)proto.MappedOffset, (int)proto.MappedLength);
        }
        if (proto.RawData.Length > 0 || count == 0)
        {
            return proto.RawData.Memory;
        }
        return type switch
        {
            ElementType.F32 => Bytes(proto.FloatData, v => v),
            ElementType.F64 => Bytes(proto.DoubleData, v => v),
            ElementType.I64 => Bytes(proto.Int64Data, v => v),
            ElementType.U64 => Bytes(proto.Uint64Data, v => v),
            ElementType.U32 => Bytes(proto.Uint64Data, v => (uint)v),
            ElementType.I32 => Bytes(proto.Int32Data, v => v),
            ElementType.I16 or ElementType.U16 or ElementType.F16 or ElementType.BF16 => Bytes(proto.Int32Data, v => (ushort)v),
            _ => Bytes(proto.Int32Data, v => (byte)v),
        };
    }

    private static byte[] Bytes<TField, TElement>(IReadOnlyList<TField> values, Func<TField, TElement> convert) where TElement : unmanaged =>
        MemoryMarshal.AsBytes<TElement>(values.Select(convert).ToArray()).ToArray();

    /// <param name="open">Gives the bytes from a file and an offset in it.</param>
    private TBytes External<TBytes>(TensorProto proto, long size, string name, Func<string, long, TBytes> open)
    {
        string? location = null;
        long offset = 0, length = size;
        foreach (StringStringEntryProto entry in proto.ExternalData)
        {
            bool valid = true;
            switch (entry.Key)
            {
                case "location":
                    location = entry.Value;
                    break;
                case "offset":
                    valid = long.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out offset);
                    break;
                case "length":
                    valid = long.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out length);
                    break;
            }
            if (!valid)
            {
                throw Bad(ImportCodes.ExternalData, name, $"external data has the {entry.Key} '{entry.Value}', which is no size in bytes");
            }
        }
        if (length != size)
        {
            throw Bad(ImportCodes.ExternalData, name, $"external data of {length} bytes for a tensor of {size}");
        }
        string file = ExternalDataPath.Resolve(path, location);
        return FileKinds.Explained(file, FileRole.ExternalData, () => open(file, offset));
    }

    private DiagnosticException Bad(string code, string name, string reason, string? help = null) => new(Diagnostic.Error(code, reason, Where(name), help));

    private string Where(string name) => $"tensor {name} of {path}";
}
