using TransformerCc.Compiler.Importers.Gguf;

namespace TransformerCc.Tests.Campaigns;

/// <summary>
/// Changes of a GGUF file that leave its structure readable: sizes of the model and its tensors become absurd or merely other,
/// keys and tensors vanish, appear twice, change their type or swap places. Some mutants are damaged as bytes as well.
/// </summary>
internal static class GgufMutator
{
    private const int MaximumChanges = 2;

    private static readonly ulong[] s_numbers =
    [
        0, 1, 2, 3, 4, 5, 7, 8, 16, 24, 31, 32, 33, 48, 64, 96, 128, 255, 256, 1000, 4096, 65_535, 65_536, 1 << 20, 1 << 24, 1 << 30, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, 1UL << 40,
        1UL << 61, 1UL << 62, long.MaxValue, 1UL << 63, ulong.MaxValue, ulong.MaxValue - 1,
    ];

    private static readonly double[] s_floats = [0, -0.0, 1, -1, 0.5, 1e-30, 1e30, 1e-45, double.NaN, double.PositiveInfinity, 10_000, 1e6, 2, 8, -1e4];

    public static byte[] Mutate(byte[] model, CampaignRandom random)
    {
        if (random.OneIn(6))
        {
            return ByteMutator.Mutate(model, random);
        }
        GgufParts parts = GgufParts.Parse(model);
        for (int changes = 1 + random.Below(MaximumChanges); changes > 0; changes--)
        {
            Change(parts, random);
        }
        byte[] bytes = parts.ToBytes();
        return random.OneIn(20) ? ByteMutator.Mutate(bytes, random) : bytes;
    }

    private static void Change(GgufParts parts, CampaignRandom random)
    {
        int value = random.Below(parts.Values.Count), tensor = random.Below(parts.Tensors.Count);
        GgufParts.Entry entry = parts.Tensors[tensor];
        switch (random.Below(16))
        {
            case 0:
                parts.Values.RemoveAt(value);
                break;
            case 1:
                parts.Values.Add(parts.Values[value]);
                break;
            case 2:
                parts.Values[value] = parts.Values[value] with { Type = (uint)random.Below(14) };
                break;
            case 3:
                parts.Tensors.RemoveAt(tensor);
                break;
            case 4:
                parts.Tensors[tensor] = entry with { Name = random.Pick(parts.Tensors).Name };
                break;
            case 5 when entry.Shape.Length > 0:
                ulong[] shape = [.. entry.Shape];
                shape[random.Below(shape.Length)] = Number(random);
                parts.Tensors[tensor] = entry with { Shape = shape };
                break;
            case 6:
                parts.Tensors[tensor] = entry with { Shape = random.OneIn(2) ? [.. entry.Shape, Number(random)] : [.. entry.Shape.Reverse()] };
                break;
            case 7:
                parts.Tensors[tensor] = entry with { Type = random.OneIn(3) ? random.Pick([.. GgufTensorType.All]).Id : (uint)random.Below(48) };
                break;
            case 8:
                parts.Tensors[tensor] = entry with { Offset = random.OneIn(2) ? Number(random) : random.Pick(parts.Tensors).Offset };
                break;
            case 9:
                parts.Data = random.OneIn(2) ? parts.Data[..random.Below(parts.Data.Length)] : ByteMutator.Mutate(parts.Data, random);
                break;
            case 10 when random.OneIn(3):
                parts.KeyCount = random.OneIn(2) ? Number(random) : null;
                parts.TensorCount = random.OneIn(2) ? Number(random) : null;
                break;
            case 11:
                // Another architecture's name: the keys are then missing, or those of a relative.
                Rename(parts, random.Pick(Architectures.All).Name, random.OneIn(2));
                break;
            default:
                parts.Values[value] = Scalar(parts.Values[value], random);
                break;
        }
    }

    private static void Rename(GgufParts parts, string name, bool renamesKeys)
    {
        int at = parts.Values.FindIndex(v => v.Key == "general.architecture");
        if (at < 0 || parts.Values[at].Payload.Length < 8)
        {
            return;
        }
        string old = System.Text.Encoding.UTF8.GetString(parts.Values[at].Payload.AsSpan(8));
        parts.Values[at] = parts.Values[at] with { Payload = [.. BitConverter.GetBytes((ulong)name.Length), .. System.Text.Encoding.UTF8.GetBytes(name)] };
        for (int i = 0; renamesKeys && i < parts.Values.Count; i++)
        {
            parts.Values[i] = parts.Values[i].Key.StartsWith(old + ".", StringComparison.Ordinal) ? parts.Values[i] with { Key = name + parts.Values[i].Key[old.Length..] } : parts.Values[i];
        }
    }

    /// <summary>Another number of the same type; of arrays and strings, another byte or length.</summary>
    private static (string Key, uint Type, byte[] Payload) Scalar((string Key, uint Type, byte[] Payload) value, CampaignRandom random)
    {
        byte[] payload = [.. value.Payload];
        var type = (GgufValueType)value.Type;
        if (type is GgufValueType.String or GgufValueType.Array)
        {
            payload = ByteMutator.Mutate(payload, random);
        }
        else
        {
            byte[] bytes = type switch
            {
                GgufValueType.F32 => BitConverter.GetBytes((float)random.Pick(s_floats)),
                GgufValueType.F64 => BitConverter.GetBytes(random.Pick(s_floats)),
                _ => BitConverter.GetBytes(Number(random)),
            };
            bytes.AsSpan(0, int.Min(bytes.Length, payload.Length)).CopyTo(payload);
        }
        return value with { Payload = payload };
    }

    private static ulong Number(CampaignRandom random) => random.OneIn(3) ? (ulong)random.Below(512) : random.Pick(s_numbers);
}
