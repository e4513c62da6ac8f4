using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX Runtime's GroupQueryAttention (ContribOperators.md, 1.30). Every row b of the batch has its own number of valid
/// keys, total[b] = seqlens_k[b] + 1, of which the last are those of this call: its past is past[b] = max(total[b] − length, 0)
/// long. Order: scale, soft cap, attention bias, causal mask and window, softmax.
/// </summary>
internal static class GroupQueryOperators
{
    private const string Quantised = "a quantised cache: export with a float cache";

    private static readonly OperatorSignature s_signature =
        From(1, "query", "key?", "value?", "past_key?", "past_value?", "seqlens_k", "total_sequence_length", "cos_cache?", "sin_cache?", "position_ids?", "attention_bias?", "head_sink?",
                "k_scale?", "v_scale?", "q_norm_weight?", "k_norm_weight?")
            .RefuseInput("k_scale", Quantised).RefuseInput("v_scale", Quantised).RefuseInput("q_norm_weight", "a norm of heads").RefuseInput("k_norm_weight", "a norm of heads")
            .Returns("output", "present_key?", "present_value?", "output_qk?").RefuseOutput("output_qk", "an output of scores")
            .Int("kv_num_heads", "local_window_size", "num_heads", "smooth_softmax").Flag("do_rotary", "rotary_interleaved").Float("scale", "softcap")
            .Only("causal", 1, "attention to keys behind").Only("k_quant_type", "NONE", Quantised).Only("v_quant_type", "NONE", Quantised).Unused(AttributeKind.Int, "kv_cache_bit_width", "x")
            .Only("qk_output", 0, "an output of scores").Only("sliding_window_cache", 0, "a cache of the window only").Unused(AttributeKind.Float, "qk_norm_epsilon", "x")
            .Required("kv_num_heads", "num_heads");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("GroupQueryAttention", s_signature, Attend) { Domain = ContribOperators.Microsoft },
    ];

    private const int PastKey = 3, PastValue = 4, LastKeys = 5, Total = 6, Cos = 7, Sin = 8, PositionIds = 9, ScoreBias = 10, HeadSink = 11, KeyScale = 12;

    private static void Attend(NodeContext n)
    {
        if (ContribAttentionOperators.Has(n, KeyScale) || (n.OutputCount > 3 && n.Proto.Output[3].Length > 0))
        {
            throw ImportException.Invalid("a quantised cache and an output of scores are not supported");
        }
        (Heads query, Heads key, Heads value) = Separate(n);
        DimExpr batch = query.Batch, length = query.Length;
        Value last = n.Integers(Fitting.Fit(n, n.Reshape(n.Value(LastKeys), [DimExpr.Product(n.Shape(LastKeys))]), [batch], "seqlens_k"), batch, 1);
        Value one = n.Scalar(ElementType.I64, 1);
        Value past = n.Binary(BinaryOp.Max, n.Subtract(n.Add(last, one), n.Emit(new ShapeValue([length], [1, 1]))), n.Scalar(ElementType.I64, 0));
        // Position of every token in its row: [batch, length].
        Value positions = n.Add(past, n.Positions(length, 2, 1));
        if (n.Int("do_rotary", 0) != 0)
        {
            Value rotated = ContribAttentionOperators.Has(n, PositionIds) ? Fitting.Fit(n, n.Value(PositionIds), [batch, length], "the positions") : positions;
            bool interleaved = n.Int("rotary_interleaved", 0) != 0;
            query = RotaryOperators.Rotate(n, query, n.Value(Cos), n.Value(Sin), rotated, interleaved);
            key = RotaryOperators.Rotate(n, key, n.Value(Cos), n.Value(Sin), rotated, interleaved);
        }
        if (ContribAttentionOperators.Has(n, PastKey))
        {
            key = Appended(n, n.Value(PastKey), key, past);
            value = Appended(n, n.Value(PastValue), value, past);
        }
        n.ReturnIfNamed(() => key.HeadMajor(n).Tensor, 1);
        n.ReturnIfNamed(() => value.HeadMajor(n).Tensor, 2);
        Combine(n, query, key, value, n.Reshape(positions, [batch, 1, length, 1]));
    }

    /// <summary>Queries, keys and values as heads; packed, the three stand beside each other in the first input.</summary>
    private static (Heads Query, Heads Key, Heads Value) Separate(NodeContext n)
    {
        DimExpr queryHeads = ContribAttentionOperators.HeadCount(n, "num_heads"), keyHeads = ContribAttentionOperators.HeadCount(n, "kv_num_heads");
        Value first = n.Value(0);
        if (ContribAttentionOperators.Has(n, 1))
        {
            return (Heads.Of(n, first, queryHeads), Heads.Of(n, n.Value(1), keyHeads), Heads.Of(n, n.Value(2), keyHeads));
        }
        Heads all = Heads.Split(n, first, queryHeads + (keyHeads * 2));
        Heads Part(DimExpr start, DimExpr count) => all with { Tensor = n.SliceAxis(all.Tensor, 2, start, count) };
        return (Part(DimExpr.Zero, queryHeads), Part(queryHeads, keyHeads), Part(queryHeads + keyHeads, keyHeads));
    }

    /// <summary>
    /// The cache with the new keys or values behind each row's own past: rows taken from [cache; new] by position. The
    /// result is as long as the cache, or as the longest row when that is more.
    /// </summary>
    private static Heads Appended(NodeContext n, Value cache, Heads current, Value past)
    {
        if (cache.Type.Rank != 4)
        {
            throw ImportException.Invalid($"the past {cache.Type} is not [batch, heads, length, width]");
        }
        DimExpr capacity = cache.Type.Shape[2], length = current.Length, batch = current.Batch, heads = current.Count;
        DimExpr result = DimExpr.Max(n.Dims(Total, "the total length")[0], capacity), joined = capacity + length;
        Heads both = current.After(n, cache);
        Value position = n.Positions(result, 2, 1);
        Value Number(DimExpr number) => n.Emit(new ShapeValue([number], [1, 1]));
        Value offset = n.Subtract(position, past);
        Value isNew = n.Binary(BinaryOp.And, n.Binary(BinaryOp.GreaterOrEqual, offset, n.Scalar(ElementType.I64, 0)), n.Binary(BinaryOp.Less, offset, Number(length)));
        Value old = n.Broadcast(n.Binary(BinaryOp.Min, position, Number(joined - 1)), [batch, result]);
        Value row = n.Select(isNew, n.Add(offset, Number(capacity)), old);
        Value head = n.Multiply(n.Positions(batch * heads, 1, 0), n.Emit(new ShapeValue([joined], [1])));
        Value index = n.Add(n.Reshape(head, [batch, heads, 1]), n.Reshape(row, [batch, 1, result]));
        Value rows = n.Reshape(both.Tensor, [batch * heads * joined, current.Width]);
        return new Heads(n.Emit(new Gather(0), rows, index), HeadLayout.BHSD);
    }

    /// <param name="last">The last key each query sees: [batch, 1, length, 1].</param>
    private static void Combine(NodeContext n, Heads query, Heads key, Heads value, Value last)
    {
        DimExpr keys = key.Length;
        bool hasSink = ContribAttentionOperators.Has(n, HeadSink);
        // A sink is one more key of score sink[head] (smooth softmax: 0) whose value is 0 (gpt-oss; Xiao et al. 2023).
        bool isExtended = hasSink || n.Int("smooth_softmax", 0) > 0;
        if (isExtended)
        {
            (key, value) = (WithZero(n, key), WithZero(n, value));
        }
        var attention = new AttentionBuilder(n, query, key, value, ContribAttentionOperators.Scale(n, query.Width)) { SoftCap = n.Float("softcap", 0) };
        Value position = n.Positions(key.Length, 4, 3);
        Value visible = n.Binary(BinaryOp.LessOrEqual, position, last);
        long window = n.Int("local_window_size", -1);
        if (window > 0)
        {
            visible = n.Binary(BinaryOp.And, visible, n.Binary(BinaryOp.Greater, position, n.Subtract(last, n.Scalar(ElementType.I64, window))));
        }
        if (isExtended)
        {
            visible = n.Binary(BinaryOp.Or, visible, n.Binary(BinaryOp.Equal, position, n.Emit(new ShapeValue([keys], [1, 1, 1, 1]))));
        }
        attention.Hide(visible, "the causal mask");
        ElementType type = query.Tensor.Type.Element;
        if (ContribAttentionOperators.Has(n, ScoreBias))
        {
            Value bias = n.Cast(Fitting.FitBroadcast(n, n.Value(ScoreBias), [query.Batch, query.Count, query.Length, keys], "the attention bias"), type);
            attention.AddToScores(isExtended ? n.Emit(new Concat(bias.Type.Rank - 1), bias, Zeros(n, type, [.. bias.Type.Shape.SkipLast(1), 1])) : bias, "the attention bias");
        }
        if (hasSink)
        {
            Value sink = n.Cast(n.Reshape(n.Value(HeadSink), [DimExpr.One, query.Count, DimExpr.One, DimExpr.One]), type);
            attention.AddToScores(n.Emit(new Concat(3), Zeros(n, type, [DimExpr.One, query.Count, DimExpr.One, keys]), sink), "the sinks");
        }
        n.Return(attention.Fused().Merge(n));
    }

    private static Heads WithZero(NodeContext n, Heads x)
    {
        Value major = x.HeadMajor(n).Tensor;
        return new Heads(n.Emit(new Concat(2), major, Zeros(n, major.Type.Element, [x.Batch, x.Count, DimExpr.One, x.Width])), HeadLayout.BHSD);
    }

    private static Value Zeros(NodeContext n, ElementType type, IEnumerable<DimExpr> shape) => n.Broadcast(n.Scalar(type, 0), shape);
}
