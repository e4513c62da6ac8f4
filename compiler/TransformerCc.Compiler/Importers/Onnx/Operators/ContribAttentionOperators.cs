using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>ONNX Runtime's Attention and MultiHeadAttention (ContribOperators.md, 1.30).</summary>
internal static class ContribAttentionOperators
{
    private const string SharedBuffer = "past and present are tensors of their own", NoSharedBuffer = "export the model again with past_present_share_buffer 0";

    private static readonly OperatorSignature s_attention =
        Packed(From(1, "input", "weights", "bias?", "mask_index?", "past?", "attention_bias?", "past_sequence_length?")).IgnoreInput("past_sequence_length", "it is read with a shared buffer only")
            .Ints("qkv_hidden_sizes").Unused(AttributeKind.Int, "rotary_embedding_dim", "it is read with do_rotary only");

    private static readonly OperatorSignature s_multiHead =
        From(1, "query", "key?", "value?", "bias?", "key_padding_mask?", "attention_bias?", "past_key?", "past_value?", "past_sequence_length?", "cache_indirection?")
            .Returns("output", "present_key?", "present_value?", "qk?")
            .Int("num_heads").Float("mask_filter_value", "scale").OneIsYes("unidirectional").Required("num_heads");

    private static readonly OperatorSignature s_decoder =
        From(1, "query", "key?", "value?", "mask_index?", "attention_bias?", "past_key?", "past_value?", "past_sequence_length?", "beam_width?", "cache_indirection?", "bias?")
            .IgnoreInput("past_sequence_length", "without a shared buffer the shape of the past tells it").IgnoreInput("beam_width", "it tells how to read cache_indirection")
            .Returns("output", "present_key?", "present_value?", "qk?").Int("num_heads").Float("mask_filter_value", "scale")
            .Only("past_present_share_buffer", 0, SharedBuffer, NoSharedBuffer).Unused(AttributeKind.Int, "output_qk", "the scores are given where the output has a name").Required("num_heads");

    /// <summary>What operators with packed queries, keys and values have in common.</summary>
    public static OperatorSignature Packed(OperatorSignature inputs) => inputs.Returns("output", "present?")
        .Int("num_heads").Float("mask_filter_value", "scale").OneIsYes("unidirectional")
        .Only("do_rotary", 0, "the operator has no tables of angles", "export the model again with RotaryEmbedding and MultiHeadAttention in its place").Only("past_present_share_buffer", 0, SharedBuffer, NoSharedBuffer).Required("num_heads");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Attention", s_attention, PackedAttention) { Domain = ContribOperators.Microsoft },
        new("MultiHeadAttention", s_multiHead, n => MultiHead(n, new MultiHeadInputs(Bias: 3, Mask: 4, ScoreBias: 5, PastKey: 6, PastValue: 7, PastLength: 8, Indirection: 9))) { Domain = ContribOperators.Microsoft },
        new("DecoderMaskedMultiHeadAttention", s_decoder, n => MultiHead(n, new MultiHeadInputs(Bias: 10, Mask: 3, ScoreBias: 4, PastKey: 5, PastValue: 6, PastLength: 7, Indirection: 9))) { Domain = ContribOperators.Microsoft },
    ];

    /// <summary>Where the optional inputs stand, behind query, key and value.</summary>
    private sealed record MultiHeadInputs(int Bias, int Mask, int ScoreBias, int PastKey, int PastValue, int PastLength, int Indirection);

    public static bool Has(NodeContext n, int input) => n.Optional(input) is not null;

    public static DimExpr HeadCount(NodeContext n, string name) =>
        n.Int(name, 0) is > 0 and { } count ? count : throw ImportException.Invalid($"{name} must be positive");

    /// <summary>The scale of an operator, by default 1 / √(head width).</summary>
    public static float Scale(NodeContext n, DimExpr width)
    {
        float scale = n.Float("scale", 0);
        return scale != 0 ? scale : width.ConstantValue is { } w ? (float)(1 / Math.Sqrt(w)) : throw ImportException.Invalid($"the width of a head is {width}, which is not constant");
    }

    /// <summary>x·W + b holds queries, keys and values beside each other.</summary>
    private static void PackedAttention(NodeContext n)
    {
        PackedAttention(n, ContribOperators.Sum(n, ContractionOperators.Multiply(n, n.Value(0), n.Value(1)), 2), past: 4, mask: 3, bias: 5);
    }

    /// <summary>Attention from queries, keys and values beside each other; the other arguments say which inputs are the optional ones.</summary>
    public static void PackedAttention(NodeContext n, Value projected, int past, int mask, int? bias)
    {
        DimExpr heads = HeadCount(n, "num_heads");
        if (projected.Type.Rank != 3 || projected.Type.Shape[2].ConstantValue is not { } total)
        {
            throw ImportException.Invalid($"input and weights give {projected.Type}, not [batch, length, width]");
        }
        long[] widths = n.Ints("qkv_hidden_sizes") ?? [total / 3, total / 3, total / 3];
        if (widths.Length != 3 || widths.Sum() != total || widths.Any(w => w <= 0))
        {
            throw ImportException.Invalid($"{total} columns of the weights are not those of queries, keys and values ({string.Join(" + ", widths)})");
        }
        Heads Part(int i) => Heads.Split(n, n.SliceAxis(projected, 2, widths[..i].Sum(), widths[i]), heads);
        Heads query = Part(0), key = Part(1), value = Part(2);
        DimExpr earlier = DimExpr.Zero;
        if (Has(n, past))
        {
            Value state = n.Value(past);
            if (state.Type.Rank != 5)
            {
                throw ImportException.Invalid($"the past {state.Type} is not [2, batch, heads, length, width]");
            }
            earlier = state.Type.Shape[3];
            Value Half(int i) => n.Reshape(n.SliceAxis(state, 0, i, 1), state.Type.Shape.Skip(1));
            key = key.After(n, Half(0));
            value = value.After(n, Half(1));
        }
        if (n.OutputCount > 1 && n.Proto.Output[1].Length > 0)
        {
            Value One(Heads x) => n.Reshape(x.HeadMajor(n).Tensor, [DimExpr.One, x.Batch, x.Count, x.Length, x.Width]);
            n.Return(n.Emit(new Concat(0), One(key), One(value)), 1);
        }
        var attention = new AttentionBuilder(n, query, key, value, Scale(n, query.Width)) { CausalOffset = n.Int("unidirectional", 0) != 0 ? earlier : null };
        AddMasks(n, attention, mask, bias, earlier);
        n.Return(attention.Fused().Merge(n));
    }

    private static void MultiHead(NodeContext n, MultiHeadInputs at)
    {
        // Keys and values of an encoder are the same for every beam: without a past it has nothing to point at.
        if (Has(n, at.Indirection) && Has(n, at.PastKey))
        {
            throw ImportException.Invalid("cache_indirection is not supported: it reads the caches of other beams", "export the decoder for greedy search or sampling, where a cache has one reader");
        }
        if (Has(n, at.PastLength) && Has(n, at.PastKey) && n.Proto.OpType == "MultiHeadAttention")
        {
            throw ImportException.Invalid("past_sequence_length with a past is not supported: the past would be a buffer that is longer than what it holds",
                "export the model again with a past of its own length, without past_sequence_length");
        }
        DimExpr heads = HeadCount(n, "num_heads");
        (Heads query, Heads key, Heads value) = Separate(n, heads, at.Bias);
        DimExpr past = DimExpr.Zero;
        if (Has(n, at.PastKey) && Has(n, at.PastValue))
        {
            Value pastKey = n.Value(at.PastKey), pastValue = n.Value(at.PastValue);
            past = pastKey.Type.Rank == 4 ? pastKey.Type.Shape[2] : DimExpr.Zero;
            key = key.After(n, pastKey);
            value = value.After(n, Fitting.Fit(n, pastValue, [value.Batch, value.Count, past, value.Width], "the past of the values"));
        }
        if (Has(n, at.PastKey) && n.IsNamed(1) != n.IsNamed(2))
        {
            // ONNX Runtime's kernel attends in the memory of both outputs.
            throw ImportException.Invalid("with a past, the outputs of present keys and values must be both there or both absent", "give both outputs a name");
        }
        for (int output = 1; output <= 2; output++)
        {
            n.ReturnIfNamed(() => (output == 1 ? key : value).HeadMajor(n).Tensor, output);
        }
        bool isCausal = n.Int("unidirectional", 0) != 0;
        if (isCausal && key.Length != past + query.Length)
        {
            // ONNX Runtime's kernel hides nothing from the last query, whatever the number of keys.
            throw ImportException.Invalid($"unidirectional with {key.Length} keys for {query.Length} queries behind {past} has no meaning: a query sees the keys up to its own position",
                "export the model again without unidirectional, with a mask of the keys");
        }
        var attention = new AttentionBuilder(n, query, key, value, Scale(n, query.Width)) { CausalOffset = isCausal ? past : null };
        AddMasks(n, attention, at.Mask, at.ScoreBias, past);
        n.Return(attention.Fused().Merge(n));
        // ONNX Runtime's kernel gives the scores as the softmax reads them.
        n.ReturnIfNamed(() => attention.Masked(attention.Scores(), Lowest(query.Tensor.Type.Element)), 3);
    }

    /// <summary>
    /// Queries, keys and values as heads: separate [batch, length, width], keys and values already in heads, or packed as
    /// [batch, length, heads, 2 or 3, width]; the bias of the three stands in one vector.
    /// </summary>
    private static (Heads Query, Heads Key, Heads Value) Separate(NodeContext n, DimExpr heads, int biasInput)
    {
        Value first = n.Value(0);
        Value? bias = Has(n, biasInput) ? n.Value(biasInput) : null;
        DimExpr taken = DimExpr.Zero;
        Value Biased(Value x)
        {
            if (bias is null)
            {
                return x;
            }
            DimExpr width = x.Type.Shape.Last, start = taken;
            taken += width;
            return n.Add(x, n.SliceAxis(bias, 0, start, width));
        }
        Value Packed(Value x, int part) => n.Reshape(n.SliceAxis(x, 3, part, 1), [x.Type.Shape[0], x.Type.Shape[1], x.Type.Shape[2] * x.Type.Shape[4]]);
        Heads Whole(Value x) => Heads.Split(n, Biased(x), heads);
        if (first.Type.Rank == 5)
        {
            return (Whole(Packed(first, 0)), Whole(Packed(first, 1)), Whole(Packed(first, 2)));
        }
        Heads query = Whole(first);
        if (!Has(n, 1))
        {
            throw ImportException.Invalid("there is no key beside the query");
        }
        Value second = n.Value(1);
        if (second.Type.Rank == 5)
        {
            return (query, Whole(Packed(second, 0)), Whole(Packed(second, 1)));
        }
        // Keys and values of an encoder come ready as heads; the bias does not apply to them.
        return second.Type.Rank == 4 ? (query, new Heads(second, HeadLayout.BHSD), new Heads(n.Value(2), HeadLayout.BHSD)) : (query, Whole(second), Whole(n.Value(2)));
    }

    /// <summary>
    /// The mask of integers in each of its shapes, and the bias of the scores. Hidden keys get mask_filter_value added
    /// to their scores, so a row that sees no key is spread over all of them, as ONNX Runtime does.
    /// </summary>
    private static void AddMasks(NodeContext n, AttentionBuilder attention, int maskInput, int? biasInput, DimExpr past)
    {
        if (Has(n, maskInput))
        {
            attention.Penalize(Visible(n, attention, n.Value(maskInput), past), n.Float("mask_filter_value", -10000), "the mask");
        }
        if (biasInput is { } input && Has(n, input))
        {
            attention.AddToScores(n.Value(input), "the attention bias");
        }
    }

    private static Value Visible(NodeContext n, AttentionBuilder attention, Value mask, DimExpr past)
    {
        (DimExpr batch, DimExpr queries, DimExpr keys) = (attention.ScoreShape[0], attention.ScoreShape[2], attention.ScoreShape[3]);
        EquatableArray<DimExpr> shape = mask.Type.Shape;
        Value Nonzero(Value x) => n.Binary(BinaryOp.Greater, x, n.Scalar(x.Type.Element, 0));
        switch (shape.Count)
        {
            case 1 when shape[0] == batch:
            case 1 when batch.ConstantValue is null && shape[0].SymbolName is not null:
                return n.Binary(BinaryOp.Less, n.Positions(keys, 4, 3), n.Integers(Fitting.Fit(n, mask, [batch], "the mask"), batch, 1, 1, 1));
            case 1 when shape[0] == (batch * 3) + 2:
                // Lengths of the keys, then where each sequence starts, which says nothing beside a batch of equal rows.
                return n.Binary(BinaryOp.Less, n.Positions(keys, 4, 3), n.Integers(n.SliceAxis(mask, 0, DimExpr.Zero, batch), batch, 1, 1, 1));
            case 1 when shape[0] == batch * 2:
                Value end = n.SliceAxis(mask, 0, DimExpr.Zero, batch), start = n.SliceAxis(mask, 0, batch, batch), positions = n.Positions(keys, 4, 3);
                return n.Binary(BinaryOp.And, n.Binary(BinaryOp.Less, positions, n.Integers(end, batch, 1, 1, 1)),
                    n.Binary(BinaryOp.GreaterOrEqual, positions, n.Integers(start, batch, 1, 1, 1)));
            case 2:
                return Nonzero(n.Reshape(FitKeys(n, Fitting.FitBroadcast(n, mask, [batch, shape[1]], "the mask"), keys, past), [shape[0].Is(1) ? 1 : batch, 1, 1, keys]));
            case 3:
                return Nonzero(n.Reshape(Fitting.Fit(n, mask, [batch, queries, keys], "the mask"), [batch, 1, queries, keys]));
            case 4 when shape[1].Is(1):
                // One square for all positions up to the longest: the rows of the queries, the columns of the keys.
                return Nonzero(n.SliceAxis(n.SliceAxis(mask, 2, past, queries), 3, DimExpr.Zero, keys));
            default:
                throw ImportException.Invalid($"a mask {mask.Type} is not supported, [batch], [2·batch], [3·batch + 2], [batch, keys], [batch, queries, keys] and [batch, 1, longest, longest] are",
                    "give the mask one of these shapes");
        }
    }

    /// <summary>A mask of the keys that is known to cover the new keys only is refused; other names for the same length are fitted.</summary>
    private static Value FitKeys(NodeContext n, Value mask, DimExpr keys, DimExpr past) => !past.Is(0) && mask.Type.Shape[1] == keys - past
        ? throw ImportException.Invalid($"the mask covers {mask.Type.Shape[1]} keys of {keys}; it must cover the past too")
        : Fitting.Fit(n, mask, [mask.Type.Shape[0], keys], "the mask");

    /// <summary>The least finite number, which ONNX Runtime takes for −∞ in causal masks.</summary>
    private static double Lowest(ElementType type) => type == ElementType.F16 ? -65504 : float.MinValue;
}
