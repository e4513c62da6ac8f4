using System.Text;
using TransformerCc.Compiler.Importers.Gguf;

namespace TransformerCc.Tests.Campaigns;

/// <summary>A GGUF file of version 3 taken apart, to be changed and put together again with whatever lies that change made of it.</summary>
internal sealed class GgufParts
{
    public List<(string Key, uint Type, byte[] Payload)> Values { get; } = [];

    public List<Entry> Tensors { get; } = [];

    public byte[] Data { get; set; } = [];

    public ulong? KeyCount { get; set; }

    public ulong? TensorCount { get; set; }

    public sealed record Entry(string Name, ulong[] Shape, uint Type, ulong Offset);

    public static GgufParts Parse(byte[] file)
    {
        var parts = new GgufParts();
        using var reader = new BinaryReader(new MemoryStream(file));
        reader.BaseStream.Position = 8;
        ulong tensors = reader.ReadUInt64(), keys = reader.ReadUInt64();
        for (ulong i = 0; i < keys; i++)
        {
            string key = Text(reader);
            uint type = reader.ReadUInt32();
            long start = reader.BaseStream.Position;
            Skip(reader, type);
            parts.Values.Add((key, type, file[(int)start..(int)reader.BaseStream.Position]));
        }
        for (ulong i = 0; i < tensors; i++)
        {
            string name = Text(reader);
            ulong[] shape = [.. Enumerable.Range(0, (int)reader.ReadUInt32()).Select(_ => reader.ReadUInt64())];
            parts.Tensors.Add(new(name, shape, reader.ReadUInt32(), reader.ReadUInt64()));
        }
        parts.Data = file[((int)(reader.BaseStream.Position + 31) / 32 * 32)..];
        return parts;
    }

    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write(TensorCount ?? (ulong)Tensors.Count);
        writer.Write(KeyCount ?? (ulong)Values.Count);
        foreach ((string key, uint type, byte[] payload) in Values)
        {
            Write(writer, key);
            writer.Write(type);
            writer.Write(payload);
        }
        foreach (Entry tensor in Tensors)
        {
            Write(writer, tensor.Name);
            writer.Write(tensor.Shape.Length);
            Array.ForEach(tensor.Shape, writer.Write);
            writer.Write(tensor.Type);
            writer.Write(tensor.Offset);
        }
        writer.Write(new byte[(32 - (stream.Position % 32)) % 32]);
        writer.Write(Data);
        return stream.ToArray();
    }

    private static string Text(BinaryReader reader) => Encoding.UTF8.GetString(reader.ReadBytes((int)reader.ReadUInt64()));

    private static void Write(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void Skip(BinaryReader reader, uint type)
    {
        if (type == (uint)GgufValueType.String)
        {
            long length = (long)reader.ReadUInt64();
            reader.BaseStream.Position += length;
        }
        else if (type == (uint)GgufValueType.Array)
        {
            uint element = reader.ReadUInt32();
            for (ulong count = reader.ReadUInt64(); count > 0; count--)
            {
                Skip(reader, element);
            }
        }
        else
        {
            reader.BaseStream.Position += ((GgufValueType)type).Size();
        }
    }
}
