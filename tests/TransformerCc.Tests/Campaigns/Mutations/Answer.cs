using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>What one side makes of a model: the outputs, or why there are none.</summary>
/// <param name="IsComparable">False where it may accept the model, but its results cannot be read.</param>
internal sealed record Answer(IReadOnlyDictionary<string, Tensor>? Outputs, string Refusal, bool IsComparable)
{
    public bool Accepts => Outputs is not null;

    public static Answer Of(IReadOnlyDictionary<string, Tensor> outputs) => new(outputs, "", true);

    public static Answer Refused(string why) => new(null, why, true);

    public static Answer Incomparable(string why) => new(null, why, false);

    public static void Write(BinaryWriter writer, IReadOnlyDictionary<string, Tensor> tensors)
    {
        writer.Write(tensors.Count);
        foreach ((string name, Tensor tensor) in tensors)
        {
            writer.Write(name);
            writer.Write((byte)tensor.Type);
            writer.Write(tensor.Rank);
            foreach (long size in tensor.Shape)
            {
                writer.Write(size);
            }
            writer.Write(tensor.Data.Length);
            writer.Write(tensor.Data.Span);
        }
    }

    public static Dictionary<string, Tensor> ReadTensors(BinaryReader reader)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        for (int left = reader.ReadInt32(); left > 0; left--)
        {
            string name = reader.ReadString();
            var type = (ElementType)reader.ReadByte();
            var shape = new long[reader.ReadInt32()];
            for (int i = 0; i < shape.Length; i++)
            {
                shape[i] = reader.ReadInt64();
            }
            tensors.Add(name, new Tensor(type, shape, reader.ReadBytes(reader.ReadInt32())));
        }
        return tensors;
    }

    public void Write(BinaryWriter writer)
    {
        writer.Write(Accepts);
        writer.Write(IsComparable);
        writer.Write(Refusal);
        Write(writer, Outputs ?? new Dictionary<string, Tensor>());
    }

    public static Answer Read(BinaryReader reader)
    {
        bool accepts = reader.ReadBoolean(), isComparable = reader.ReadBoolean();
        string refusal = reader.ReadString();
        Dictionary<string, Tensor> outputs = ReadTensors(reader);
        return new(accepts ? outputs : null, refusal, isComparable);
    }
}
