using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Tests.Campaigns;

/// <summary>
/// Changes of a model that keep it a readable message: fields get absurd or other values, elements of lists are removed,
/// repeated and exchanged, names are swapped, tensors point to files. Some mutants are damaged as bytes as well.
/// </summary>
internal static class OnnxMutator
{
    private const int MaximumChanges = 3;

    /// <summary>The number of int64 in TensorProto.DataType.</summary>
    private const int Int64 = 7;

    private static readonly long[] s_numbers =
    [
        0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 16, 17, 31, 64, 100, 255, 1000, 4096, 65_535, 65_536, 1 << 20, 1 << 24, 1 << 30, int.MaxValue, 1L << 31, 1L << 32, 1L << 40, 1L << 62,
        long.MaxValue, long.MaxValue - 1, -1, -2, -3, -4, -17, -4096, int.MinValue, long.MinValue, long.MinValue + 1,
    ];

    private static readonly string[] s_strings =
    [
        "", "x", "y", "no such name", "../outside.bin", "/etc/hostname", "beside.bin", "link/../../outside.bin", "\0", "é", "SAME_UPPER", "VALID", "none", "tanh", "reflect", "edge", "wrap", "max", "add", "bij,bjk->bik",
        "com.microsoft", "ai.onnx.ml", "location", "offset", "length", "-1", "18446744073709551616", "9223372036854775807",
    ];

    private static readonly string[] s_operators =
    [
        "Add", "Mul", "Div", "Pow", "Where", "MatMul", "Gemm", "Conv", "Einsum", "Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "Attention", "RotaryEmbedding", "Reshape", "Transpose", "Squeeze",
        "Unsqueeze", "Flatten", "Expand", "Tile", "Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Pad", "Range", "Shape", "Size", "ConstantOfShape", "OneHot",
        "CumSum", "TopK", "ArgMax", "ReduceSum", "ReduceMean", "ReduceMax", "Trilu", "EyeLike", "Cast", "CastLike", "Identity", "Dropout", "If", "Loop", "Not", "And", "Equal", "Clip", "Mod", "IsNaN", "Erf", "Gelu",
        "DepthToSpace", "SpaceToDepth", "MultiHeadAttention", "GroupQueryAttention", "SkipLayerNormalization", "FusedMatMul", "BiasGelu", "AveragePool", "GlobalAveragePool", "DequantizeLinear",
    ];

    public static byte[] Mutate(byte[] model, CampaignRandom random)
    {
        if (random.OneIn(5))
        {
            return ByteMutator.Mutate(model, random);
        }
        ModelProto proto = ModelProto.Parser.ParseFrom(model);
        for (int changes = 1 + random.Below(MaximumChanges); changes > 0 && proto.Graph is { } graph; changes--)
        {
            Change(proto, graph, random);
        }
        byte[] bytes = proto.ToByteArray();
        return random.OneIn(20) ? ByteMutator.Mutate(bytes, random) : bytes;
    }

    private static void Change(ModelProto proto, GraphProto graph, CampaignRandom random)
    {
        switch (random.Below(12))
        {
            case 0 when graph.Node.Count > 0:
                Rename(graph, random);
                break;
            case 1 when graph.Initializer.Count > 0:
                Externalize(random.Pick(graph.Initializer), random);
                break;
            case 2 when graph.Initializer.Count > 0:
                Truncate(random.Pick(graph.Initializer), random);
                break;
            case 3 when graph.Node.Count > 0:
                random.Pick(graph.Node).OpType = random.Pick(s_operators);
                break;
            case 4 when graph.Input.Count > 0 && random.Pick(graph.Input).Type?.TensorType?.Shape is { Dim.Count: > 0 } shape:
                random.Pick(shape.Dim).DimValue = random.Pick(s_numbers);
                break;
            case 5 when graph.Initializer.Count > 0 && random.Pick(graph.Initializer) is { DataType: Int64, RawData.Length: >= 8 } numbers:
                byte[] raw = numbers.RawData.ToByteArray();
                BitConverter.TryWriteBytes(raw.AsSpan(8 * random.Below(raw.Length / 8)), random.Pick(s_numbers));
                numbers.RawData = ByteString.CopyFrom(raw);
                break;
            case 6 when graph.Node.Count > 0 && random.Pick(graph.Node) is { Attribute.Count: > 0 } node:
                ChangeField(random.Pick(node.Attribute), random);
                break;
            default:
                var messages = new List<IMessage>();
                Collect(proto, messages);
                ChangeField(random.Pick(messages), random);
                break;
        }
    }

    /// <summary>An input becomes another name of the graph, which may close a cycle; or an output does, so that a name is computed twice.</summary>
    private static void Rename(GraphProto graph, CampaignRandom random)
    {
        NodeProto node = random.Pick(graph.Node), other = random.Pick(graph.Node);
        string name = (random.Below(3), other) switch
        {
            (0, { Output.Count: > 0 }) => random.Pick(other.Output),
            (1, { Input.Count: > 0 }) => random.Pick(other.Input),
            _ => graph.Initializer.Count > 0 ? random.Pick(graph.Initializer).Name : "",
        };
        RepeatedField<string> names = random.OneIn(4) ? node.Output : node.Input;
        if (names.Count > 0)
        {
            names[random.Below(names.Count)] = name;
        }
    }

    private static void Externalize(TensorProto tensor, CampaignRandom random)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = random.Pick(s_strings) });
        if (random.OneIn(2))
        {
            tensor.ExternalData.Add(new StringStringEntryProto { Key = random.OneIn(2) ? "offset" : "length", Value = random.OneIn(2) ? random.Pick(s_strings) : $"{random.Pick(s_numbers)}" });
        }
    }

    private static void Truncate(TensorProto tensor, CampaignRandom random)
    {
        if (tensor.RawData.Length > 0)
        {
            tensor.RawData = tensor.RawData.Span[..random.Below(tensor.RawData.Length)].ToArray() is { } rest ? ByteString.CopyFrom(rest) : ByteString.Empty;
        }
    }

    private static void Collect(IMessage message, List<IMessage> messages)
    {
        messages.Add(message);
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder().Where(f => f.FieldType == FieldType.Message))
        {
            object? value = field.Accessor.GetValue(message);
            foreach (IMessage child in value is IList list ? list.Cast<IMessage>() : value is IMessage one ? [one] : [])
            {
                Collect(child, messages);
            }
        }
    }

    private static void ChangeField(IMessage message, CampaignRandom random)
    {
        FieldDescriptor[] set = [.. message.Descriptor.Fields.InDeclarationOrder().Where(f => f.IsRepeated ? ((IList)f.Accessor.GetValue(message)).Count > 0 : f.HasPresence && f.Accessor.HasValue(message))];
        FieldDescriptor field = random.Pick(set.Length > 0 && !random.OneIn(8) ? set : [.. message.Descriptor.Fields.InDeclarationOrder()]);
        if (field.IsRepeated)
        {
            ChangeList((IList)field.Accessor.GetValue(message), field, random);
        }
        else if (random.OneIn(4))
        {
            field.Accessor.Clear(message);
        }
        else if (Value(field, random) is { } value)
        {
            field.Accessor.SetValue(message, value);
        }
    }

    private static void ChangeList(IList list, FieldDescriptor field, CampaignRandom random)
    {
        int i = random.Below(Math.Max(1, list.Count)), j = random.Below(Math.Max(1, list.Count));
        switch (random.Below(5))
        {
            case 0 when list.Count > 0:
                list.RemoveAt(i);
                break;
            case 1 when list.Count > 0:
                list.Insert(j, list[i]);
                break;
            case 2 when list.Count > 0:
                (list[i], list[j]) = (list[j], list[i]);
                break;
            default:
                object? value = Value(field, random);
                if (value is not null && list.Count > 0 && !random.OneIn(3))
                {
                    list[i] = value;
                }
                else if (value is not null)
                {
                    list.Add(value);
                }
                break;
        }
    }

    /// <summary>A value for a field; null where the field holds messages, which are changed themselves.</summary>
    private static object? Value(FieldDescriptor field, CampaignRandom random)
    {
        long number = random.Pick(s_numbers);
        return field.FieldType switch
        {
            FieldType.Int64 or FieldType.SInt64 => number,
            FieldType.UInt64 => (ulong)number,
            FieldType.Int32 or FieldType.SInt32 => (int)number,
            FieldType.UInt32 => (uint)number,
            FieldType.Enum => (int)number,
            FieldType.Float => random.Below(4) switch { 0 => float.NaN, 1 => float.PositiveInfinity, 2 => 0f, _ => number },
            FieldType.Double => random.Below(4) switch { 0 => double.NaN, 1 => double.NegativeInfinity, 2 => 0d, _ => (double)number },
            FieldType.Bool => random.OneIn(2),
            FieldType.String => random.Pick(s_strings),
            FieldType.Bytes => ByteString.CopyFromUtf8(random.Pick(s_strings)),
            _ => null,
        };
    }
}
