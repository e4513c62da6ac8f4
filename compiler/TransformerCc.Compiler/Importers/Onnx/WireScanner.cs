using System.Buffers;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// Copies the protobuf bytes of a model without the data of its large tensors. In place of each raw_data of
/// <see cref="LargeData"/> bytes or more it writes where that data lies in the file, so that the parser allocates
/// nothing for weights and tensors view the mapped pages.
/// </summary>
/// <remarks>Wire format: https://protobuf.dev/programming-guides/encoding/. Every length is checked before it is used.</remarks>
internal static class WireScanner
{
    /// <summary>Bytes of raw_data from which on it stays in the file.</summary>
    public const int LargeData = 1024;

    private const int MaximumDepth = 64;

    /// <summary>Of the fields that are not read.</summary>
    private const int MostUnread = 16;

    private const int Varint = 0, Fixed64 = 1, LengthDelimited = 2, Fixed32 = 5;

    /// <param name="unread">Gets the fields that are not read, each kind once.</param>
    public static ReadOnlyMemory<byte> Skeleton(ReadOnlySpan<byte> file, string path, ICollection<UnreadField> unread)
    {
        var output = new ArrayBufferWriter<byte>();
        new Scan(file, path, unread).Copy(0, file.Length, WireMessage.Model, output, 0);
        return output.WrittenMemory;
    }

    /// <summary>What a length-delimited field of a message holds.</summary>
    private static WireMessage Child(WireMessage message, int field) => (message, field) switch
    {
        (WireMessage.Model, ModelProto.GraphFieldNumber) => WireMessage.Graph,
        (WireMessage.Model, ModelProto.FunctionsFieldNumber) => WireMessage.Function,
        (WireMessage.Graph, GraphProto.NodeFieldNumber) => WireMessage.Node,
        (WireMessage.Graph, GraphProto.InitializerFieldNumber) => WireMessage.Tensor,
        (WireMessage.Function, FunctionProto.NodeFieldNumber) => WireMessage.Node,
        (WireMessage.Function, FunctionProto.AttributeProtoFieldNumber) => WireMessage.Attribute,
        (WireMessage.Node, NodeProto.AttributeFieldNumber) => WireMessage.Attribute,
        (WireMessage.Attribute, AttributeProto.TFieldNumber) => WireMessage.Tensor,
        (WireMessage.Attribute, AttributeProto.GFieldNumber) => WireMessage.Graph,
        _ => WireMessage.Other,
    };

    private readonly ref struct Scan(ReadOnlySpan<byte> file, string path, ICollection<UnreadField> unread)
    {
        private readonly ReadOnlySpan<byte> _file = file;

        public void Copy(int from, int to, WireMessage kind, ArrayBufferWriter<byte> output, int depth)
        {
            if (depth > MaximumDepth)
            {
                throw Bad(from, $"messages are nested more than {MaximumDepth} deep");
            }
            int at = from;
            while (at < to)
            {
                int start = at;
                ulong tag = ReadVarint(ref at, to);
                int field = tag > uint.MaxValue ? 0 : (int)(tag >> 3);
                if (field == 0)
                {
                    throw Bad(start, "a field number is outside its range");
                }
                Account(kind, field, start);
                switch ((int)(tag & 7))
                {
                    case Varint:
                        ReadVarint(ref at, to);
                        break;
                    case Fixed64:
                        at = Skip(at, 8, to);
                        break;
                    case Fixed32:
                        at = Skip(at, 4, to);
                        break;
                    case LengthDelimited:
                        ulong length = ReadVarint(ref at, to);
                        int content = at;
                        at = Skip(at, length, to);
                        if (Child(kind, field) is var child && child != WireMessage.Other)
                        {
                            var inner = new ArrayBufferWriter<byte>();
                            Copy(content, at, child, inner, depth + 1);
                            WriteVarint(output, tag);
                            WriteVarint(output, (ulong)inner.WrittenCount);
                            output.Write(inner.WrittenSpan);
                            continue;
                        }
                        if (kind == WireMessage.Tensor && field == TensorProto.RawDataFieldNumber && length >= LargeData)
                        {
                            WriteVarint(output, (ulong)TensorProto.MappedOffsetFieldNumber << 3);
                            WriteVarint(output, (ulong)content);
                            WriteVarint(output, (ulong)TensorProto.MappedLengthFieldNumber << 3);
                            WriteVarint(output, length);
                            continue;
                        }
                        break;
                    default:
                        throw Bad(start, $"wire type {tag & 7} is not used by ONNX");
                }
                if (kind != WireMessage.Tensor || field is not (TensorProto.MappedOffsetFieldNumber or TensorProto.MappedLengthFieldNumber))
                {
                    output.Write(_file[start..at]);
                }
            }
        }

        private void Account(WireMessage kind, int field, int offset)
        {
            if (kind == WireMessage.Tensor && field is TensorProto.MappedOffsetFieldNumber or TensorProto.MappedLengthFieldNumber)
            {
                return;
            }
            if (WireFields.Unread(kind, field) is { } meaning && unread.Count < MostUnread && !unread.Any(u => u.Message == kind.ToString() && u.Number == field))
            {
                unread.Add(new UnreadField(kind.ToString(), field, meaning, offset));
            }
        }

        private ulong ReadVarint(ref int at, int end)
        {
            int start = at;
            ulong value = 0;
            for (int shift = 0; shift < 70; shift += 7)
            {
                if (at >= end)
                {
                    throw Bad(start, "the message ends inside a number");
                }
                byte b = _file[at++];
                value |= shift < 64 ? (ulong)(b & 0x7f) << shift : 0;
                if (b < 0x80)
                {
                    return value;
                }
            }
            throw Bad(start, "a number is longer than 10 bytes");
        }

        private int Skip(int at, ulong count, int end) =>
            count <= (ulong)(end - at) ? at + (int)count : throw Bad(at, $"a field of {count} bytes ends outside its message, which has {end - at} left");

        private DiagnosticException Bad(int offset, string reason) => new(Diagnostic.Error(ImportCodes.BadFile, $"not a valid ONNX file: {reason}", $"{path}, byte {offset}",
            "the file is damaged or of another format; export or download it again"));
    }

    private static void WriteVarint(ArrayBufferWriter<byte> output, ulong value)
    {
        Span<byte> bytes = output.GetSpan(10);
        int n = 0;
        for (; value >= 0x80; value >>= 7)
        {
            bytes[n++] = (byte)(value | 0x80);
        }
        bytes[n++] = (byte)value;
        output.Advance(n);
    }
}
