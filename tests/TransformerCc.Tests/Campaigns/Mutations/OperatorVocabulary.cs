using TransformerCc.Compiler.Importers.Onnx.Proto;
using AttributeType = TransformerCc.Compiler.Importers.Onnx.Proto.AttributeProto.Types.AttributeType;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>
/// The attributes that operators have or had in some version, with their types, from the published schemas (onnx.ai, "Operators";
/// ONNX Runtime, "Contrib Operators"). Independent of what the importer declares, so that it can find what is not declared there.
/// </summary>
internal static class OperatorVocabulary
{
    /// <summary>i, f, s, t, and with another s the list of them. Lines: operators, a colon, their attributes.</summary>
    private const string Table = """
        Abs Neg Exp Log Sqrt Floor Ceil Reciprocal Relu Sigmoid Tanh Max Min Mean Sum: consumed_inputs=is
        Add Sub Mul Div Pow And Or Xor Equal Less Greater: axis=i broadcast=i consumed_inputs=is
        BitShift: direction=s
        ArgMax ArgMin: axis=i keepdims=i select_last_index=i
        Attention: is_causal=i kv_num_heads=i q_num_heads=i qk_matmul_output_mode=i scale=f softcap=f softmax_precision=i
        BatchNormalization: epsilon=f momentum=f training_mode=i spatial=i is_test=i consumed_inputs=is
        Cast: to=i saturate=i round_mode=s
        CastLike: saturate=i round_mode=s
        Celu: alpha=f
        Clip: min=f max=f consumed_inputs=is
        Concat: axis=i
        Constant: value=t value_float=f value_floats=fs value_int=i value_ints=is
        ConstantOfShape: value=t
        Conv ConvInteger QLinearConv: auto_pad=s dilations=is group=i kernel_shape=is pads=is strides=is
        CumSum: exclusive=i reverse=i
        DepthToSpace: blocksize=i mode=s
        SpaceToDepth: blocksize=i
        DequantizeLinear: axis=i block_size=i output_dtype=i
        QuantizeLinear: axis=i block_size=i output_dtype=i precision=i saturate=i
        Dropout: seed=i ratio=f is_test=i consumed_inputs=is
        Einsum: equation=s
        Elu ThresholdedRelu LeakyRelu Swish: alpha=f consumed_inputs=is
        EyeLike: dtype=i k=i
        Flatten Softmax LogSoftmax Hardmax: axis=i
        Gather GatherElements: axis=i
        GatherND: batch_dims=i
        Gelu: approximate=s
        Gemm: alpha=f beta=f transA=i transB=i broadcast=i
        GroupNormalization: epsilon=f num_groups=i stash_type=i
        HardSigmoid Selu: alpha=f beta=f gamma=f consumed_inputs=is
        InstanceNormalization: epsilon=f consumed_inputs=is
        IsInf: detect_negative=i detect_positive=i
        LayerNormalization: axis=i epsilon=f stash_type=i
        RMSNormalization: axis=i epsilon=f stash_type=i
        SimplifiedLayerNormalization: axis=i epsilon=f stash_type=i
        LpNormalization: axis=i p=i
        MeanVarianceNormalization: axes=is
        Mod: fmod=i
        OneHot: axis=i
        Pad: mode=s pads=is value=f paddings=is
        ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare: axes=is keepdims=i noop_with_empty_axes=i
        Reshape: allowzero=i shape=is consumed_inputs=is
        ReverseSequence: batch_axis=i time_axis=i
        RotaryEmbedding: interleaved=i num_heads=i rotary_embedding_dim=i
        Scatter ScatterElements: axis=i reduction=s
        ScatterND: reduction=s
        Shape: start=i end=i
        Shrink: bias=f lambd=f
        Slice: axes=is ends=is starts=is
        Split: axis=i num_outputs=i split=is
        Squeeze Unsqueeze: axes=is
        TensorScatter: axis=i mode=s
        Tile: tiles=i axis=i
        TopK: axis=i k=i largest=i sorted=i
        Transpose: perm=is
        Trilu: upper=i
        AveragePool MaxPool: auto_pad=s ceil_mode=i count_include_pad=i dilations=is kernel_shape=is pads=is strides=is storage_order=i
        com.microsoft::Attention: do_rotary=i mask_filter_value=f num_heads=i past_present_share_buffer=i qkv_hidden_sizes=is rotary_embedding_dim=i scale=f unidirectional=i
        com.microsoft::MultiHeadAttention: mask_filter_value=f num_heads=i scale=f unidirectional=i
        com.microsoft::DecoderMaskedMultiHeadAttention: mask_filter_value=f num_heads=i output_qk=i past_present_share_buffer=i scale=f
        com.microsoft::GroupQueryAttention: do_rotary=i k_quant_type=s kv_cache_bit_width=i kv_num_heads=i local_window_size=i num_heads=i qk_output=i rotary_interleaved=i scale=f smooth_softmax=i softcap=f v_quant_type=s
        com.microsoft::RotaryEmbedding: interleaved=i is_packed_batching=i num_heads=i rotary_embedding_dim=i scale=f
        com.microsoft::QAttention: do_rotary=i mask_filter_value=f num_heads=i past_present_share_buffer=i scale=f unidirectional=i
        com.microsoft::SkipLayerNormalization com.microsoft::SkipSimplifiedLayerNormalization: epsilon=f
        com.microsoft::EmbedLayerNormalization: epsilon=f mask_index_type=i
        com.microsoft::FusedMatMul com.microsoft::TransposeMatMul: alpha=f transA=i transB=i transBatchA=i transBatchB=i
        com.microsoft::FusedGemm: activation=s activation_alpha=f activation_beta=f activation_gamma=f alpha=f beta=f transA=i transB=i
        com.microsoft::GemmFastGelu com.microsoft::FastGelu com.microsoft::BiasGelu com.microsoft::Gelu: axis=i
        com.microsoft::QuickGelu: alpha=f
        com.microsoft::BiasSoftmax: axis=i is_inner_broadcast=i
        com.microsoft::QLinearConcat: axis=i
        com.microsoft::QLinearSoftmax: axis=i opset=i
        com.microsoft::QLinearLeakyRelu: alpha=f
        com.microsoft::DequantizeLinear com.microsoft::QuantizeLinear: axis=i block_size=i
        com.microsoft::MatMulNBits: K=i N=i accuracy_level=i bits=i block_size=i weight_prepacked=i
        com.microsoft::GatherBlockQuantized: bits=i block_size=i gather_axis=i quantize_axis=i
        com.microsoft::MoE com.microsoft::QMoE: activation_type=s activation_alpha=f activation_beta=f k=i normalize_routing_weights=i swiglu_fusion=i swiglu_limit=f use_sparse_mixer=i expert_weight_bits=i block_size=i
        """;

    private static readonly Dictionary<string, string[]> s_strings = new(StringComparer.Ordinal)
    {
        ["auto_pad"] = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"],
        ["mode"] = ["constant", "edge", "reflect", "wrap", "DCR", "CRD", "linear", "circular"],
        ["approximate"] = ["none", "tanh"],
        ["reduction"] = ["none", "add", "mul", "max", "min"],
        ["round_mode"] = ["up", "down", "nearest"],
        ["direction"] = ["LEFT", "RIGHT"],
        ["equation"] = ["ij,jk->ik", "ij->ji", "ij,jk", "ii->i", "i,i->", "bij,bjk->bik", "...ij,...jk->...ik", "ij->", "ij->i", "ii", "i j -> j i"],
        ["activation"] = ["Relu", "LeakyRelu", "Tanh", "Sigmoid"],
        ["activation_type"] = ["relu", "gelu", "silu", "identity", "swiglu"],
        ["k_quant_type"] = ["NONE", "PER_TENSOR", "PER_CHANNEL"],
        ["v_quant_type"] = ["NONE", "PER_TENSOR", "PER_CHANNEL"],
    };

    private static readonly Dictionary<string, (string Name, AttributeType Type)[]> s_attributes = Parse();

    /// <summary>Names that no operator has, and some that differ from a known one by spelling only.</summary>
    public static IReadOnlyList<string> Nonsense { get; } = ["", "no_such_attribute", "Axis", "AXIS", "axis ", "transa", "trans_b", "keep_dims", "eps", "causal", "window", "é", "__domain"];

    public static IReadOnlyList<string> NonsenseStrings { get; } = ["", "none", "NONE", "Tanh", "VALID ", "same_upper", "CONSTANT", "average", "no such value", "é"];

    /// <summary>Every attribute of any operator.</summary>
    public static IReadOnlyList<(string Name, AttributeType Type)> Foreign { get; } = [.. s_attributes.Values.SelectMany(a => a).Distinct().Order()];

    /// <summary>The attributes of an operator, whatever its version; empty for one that has none.</summary>
    public static IReadOnlyList<(string Name, AttributeType Type)> Of(NodeProto node) => s_attributes.GetValueOrDefault(NameOf(node), []);

    /// <summary>Values that some version of some operator takes; empty for an attribute that is no word.</summary>
    public static IReadOnlyList<string> Strings(string attribute) => s_strings.GetValueOrDefault(attribute, []);

    /// <summary>The operator with its domain, where that is not ONNX's own.</summary>
    public static string NameOf(NodeProto node) => node.Domain is "" or "ai.onnx" ? node.OpType : $"{node.Domain}::{node.OpType}";

    private static Dictionary<string, (string, AttributeType)[]> Parse()
    {
        var attributes = new Dictionary<string, (string, AttributeType)[]>(StringComparer.Ordinal);
        foreach (string line in Table.Split('\n'))
        {
            (string operators, string list) = line.Split(": ") is [var left, var right] ? (left, right) : throw new FormatException(line);
            (string, AttributeType)[] parsed = [.. list.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(a => (a[..a.IndexOf('=', StringComparison.Ordinal)], TypeOf(a[(a.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim())))];
            foreach (string name in operators.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                attributes.Add(name, parsed);
            }
        }
        return attributes;
    }

    private static AttributeType TypeOf(string letter) => letter switch
    {
        "i" => AttributeType.Int,
        "f" => AttributeType.Float,
        "s" => AttributeType.String,
        "t" => AttributeType.Tensor,
        "is" => AttributeType.Ints,
        "fs" => AttributeType.Floats,
        _ => throw new FormatException(letter),
    };
}
