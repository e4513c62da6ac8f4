using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using AttributeType = TransformerCc.Compiler.Importers.Onnx.Proto.AttributeProto.Types.AttributeType;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>Values for attributes: near the one there is, common, at the edges, and absurd.</summary>
internal static class AttributeValues
{
    /// <summary>Sizes of results follow from these attributes: what is larger would only fill the memory.</summary>
    private const int LargestSize = 100;

    /// <summary>Numbers of element types in use.</summary>
    private const int ElementTypes = 27;

    private static readonly long[] s_small = [0, 1, -1, 2, -2, 3, -3, 4, 5, 8, 16];
    private static readonly long[] s_large = [31, 64, 100, -100, 1000, 65_536, 1 << 20, int.MaxValue, int.MinValue, 1L << 32, long.MaxValue, long.MinValue];
    private static readonly float[] s_floats = [0, 1, -1, 0.5f, 2, 1e-5f, 1e-3f, 0.1f, -0.1f, 10, 1.702f, 1e30f, float.NaN, float.PositiveInfinity];

    private static readonly HashSet<string> s_sizes = new(StringComparer.Ordinal) { "pads", "paddings", "tiles", "shape", "kernel_shape", "dilations", "num_outputs", "blocksize", "block_size", "N", "K" };
    private static readonly HashSet<string> s_elementTypes = new(StringComparer.Ordinal) { "to", "dtype", "output_dtype", "softmax_precision", "stash_type", "precision", "mask_index_type" };

    private static readonly HashSet<string> s_flags = new(StringComparer.Ordinal)
    {
        "keepdims", "select_last_index", "is_causal", "training_mode", "spatial", "is_test", "broadcast", "saturate", "exclusive", "reverse", "transA", "transB", "detect_negative", "detect_positive", "fmod",
        "noop_with_empty_axes", "allowzero", "interleaved", "largest", "sorted", "upper", "ceil_mode", "count_include_pad", "do_rotary", "past_present_share_buffer", "unidirectional", "output_qk",
        "rotary_interleaved", "smooth_softmax", "is_packed_batching", "transBatchA", "transBatchB", "is_inner_broadcast", "normalize_routing_weights", "use_sparse_mixer",
    };

    /// <summary>An attribute of a type, with a random value.</summary>
    public static AttributeProto Make(string name, AttributeType type, CampaignRandom random)
    {
        var made = new AttributeProto { Name = name, Type = type };
        switch (type)
        {
            case AttributeType.Float:
                made.F = random.Pick(s_floats);
                break;
            case AttributeType.String:
                made.S = ByteString.CopyFromUtf8(Word(name, random));
                break;
            case AttributeType.Tensor:
                made.T = random.OneIn(2)
                    ? new TensorProto { DataType = 1, Dims = { 1 }, FloatData = { random.Pick(s_floats) } }
                    : new TensorProto { DataType = 7, Dims = { 1 }, Int64Data = { random.Pick(s_small) } };
                break;
            case AttributeType.Floats:
                made.Floats.Add(Enumerable.Range(0, random.Below(4)).Select(_ => random.Pick(s_floats)));
                break;
            case AttributeType.Ints:
                made.Ints.Add(Enumerable.Range(0, random.Below(5)).Select(_ => random.Pick(s_small)));
                break;
            default:
                made.Type = AttributeType.Int;
                made.I = Number(name, null, random);
                break;
        }
        return made;
    }

    /// <summary>Gives an attribute another value of its type.</summary>
    public static void Change(AttributeProto attribute, CampaignRandom random)
    {
        switch (attribute.Type)
        {
            case AttributeType.Int:
                attribute.I = Number(attribute.Name, attribute.I, random);
                break;
            case AttributeType.Ints when attribute.Ints.Count > 0 && !random.OneIn(8):
                ChangeList(attribute.Ints, at => Number(attribute.Name, at, random), random);
                break;
            case AttributeType.Floats when attribute.Floats.Count > 0 && !random.OneIn(8):
                ChangeList(attribute.Floats, _ => random.Pick(s_floats), random);
                break;
            case AttributeType.Tensor when attribute.T is { } tensor && random.OneIn(2):
                if (random.OneIn(2))
                {
                    tensor.DataType = 1 + random.Below(ElementTypes);
                }
                else
                {
                    tensor.Dims.Add(1);
                }
                break;
            case AttributeType.Graph or AttributeType.Graphs:
                attribute.Name += "_other";
                break;
            default:
                AttributeProto made = Make(attribute.Name, attribute.Type, random);
                (attribute.F, attribute.I, attribute.S, attribute.T) = (made.F, made.I, made.S, made.T);
                attribute.Ints.Clear();
                attribute.Ints.Add(made.Ints);
                attribute.Floats.Clear();
                attribute.Floats.Add(made.Floats);
                break;
        }
    }

    /// <summary>The value as people write it.</summary>
    public static string Describe(AttributeProto attribute)
    {
        string text = attribute.Type switch
        {
            AttributeType.Int => $"{attribute.I}",
            AttributeType.Float => FormattableString.Invariant($"{attribute.F:R}f"),
            AttributeType.String => $"\"{attribute.S.ToStringUtf8()}\"",
            AttributeType.Ints => $"[{string.Join(", ", attribute.Ints)}]",
            AttributeType.Floats => FormattableString.Invariant($"[{string.Join(", ", attribute.Floats)}]f"),
            AttributeType.Tensor when attribute.T is { } t => $"tensor of type {t.DataType}[{string.Join(", ", t.Dims)}]",
            _ => "",
        };
        return $"{attribute.Name}: {attribute.Type} = {text}";
    }

    private static void ChangeList<T>(IList<T> list, Func<T, T> other, CampaignRandom random)
    {
        int i = random.Below(list.Count), j = random.Below(list.Count);
        switch (random.Below(5))
        {
            case 0:
                list.RemoveAt(i);
                break;
            case 1:
                list.Insert(i, other(list[j]));
                break;
            case 2:
                (list[i], list[j]) = (list[j], list[i]);
                break;
            default:
                list[i] = other(list[i]);
                break;
        }
    }

    private static long Number(string name, long? now, CampaignRandom random)
    {
        if (s_elementTypes.Contains(name) && !random.OneIn(6))
        {
            return random.Below(ElementTypes);
        }
        if (s_flags.Contains(name) && !random.OneIn(4))
        {
            return now is 0 or 1 ? 1 - now.Value : random.Below(2);
        }
        long number = random.Below(6) switch
        {
            0 => random.Pick(s_large),
            1 or 2 when now is long value => random.Below(4) switch { 0 => unchecked(-value), 1 => value == 0 ? 1 : 0, 2 => unchecked(value + 1), _ => unchecked(value - 1) },
            _ => random.Pick(s_small),
        };
        return s_sizes.Contains(name) ? long.Clamp(number, -LargestSize, LargestSize) : number;
    }

    private static string Word(string name, CampaignRandom random) =>
        OperatorVocabulary.Strings(name) is { Count: > 0 } words && !random.OneIn(5) ? random.Pick(words) : random.Pick(OperatorVocabulary.NonsenseStrings);
}
