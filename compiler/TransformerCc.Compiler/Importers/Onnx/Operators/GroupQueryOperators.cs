using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX Runtime's GroupQueryAttention (ContribOperators.md, 1.30). Every row b of the batch has its own number of valid
/// keys, total[b] = seqlens_k[b] + 1, of which the last are those of this call: its past is past[b] = max(total[b] − length, 0)
/// long. Order: norm of each head, rotation, scale, soft cap, attention bias, causal mask and window, softmax.
/// </summary>
internal static class GroupQueryOperators
{
    private static readonly OperatorSignature s_signature =
        From(1, "query", "key?", "value?", "past_key?", "past_value?", "seqlens_k", "total_sequence_length", "cos_cache?", "sin_cache?", "position_ids?", "attention_bias?", "head_sink?",
                "k_scale?", "v_scale?", "q_norm_weight?", "k_norm_weight?").Returns("output", "present_key?", "present_value?", "output_qk?")
            .Int("kv_num_heads", "local_window_size", "num_heads", "qk_output", "kv_cache_bit_width").Flag("causal", "sliding_window_cache").OneIsYes("do_rotary", "rotary_interleaved").Float("scale", "softcap")
            .Int("smooth_softmax").Epsilon("qk_norm_epsilon").Choice("k_quant_type", "NONE", "PER_TENSOR", "PER_CHANNEL").Choice("v_quant_type", "NONE", "PER_TENSOR", "PER_CHANNEL")
            .Required("kv_num_heads", "num_heads");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("GroupQueryAttention", s_signature, Attend) { Domain = ContribOperators.Microsoft },
    ];

    private const int PastKey = 3, PastValue = 4, LastKeys = 5, Total = 6, Cos = 7, Sin = 8, PositionIds = 9, ScoreBias = 10, HeadSink = 11, KeyScale = 12, ValueScale = 13,
        QueryNorm = 14, KeyNorm = 15;

    private static void Attend(NodeContext n)
    {
        (Heads query, Heads key, Heads value) = Separate(n);
        (query, key) = Normalized(n, query, key);
        DimExpr batch = query.Batch, length = query.Length;
        Value last = n.Integers(Fitting.Fit(n, n.Reshape(n.Value(LastKeys), [DimExpr.Product(n.Shape(LastKeys))]), [batch], "seqlens_k"), batch, 1);
        Value total = n.Add(last, n.Scalar(ElementType.I64, 1));
        Value past = n.Binary(BinaryOp.Max, n.Subtract(total, n.Emit(new ShapeValue([length], [1, 1]))), n.Scalar(ElementType.I64, 0));
        // Position of every token in its row: [batch, length].
        Value positions = n.Add(past, n.Positions(length, 2, 1));
        if (n.Int("do_rotary", 0) == 1)
        {
            Value rotated = ContribAttentionOperators.Has(n, PositionIds) ? Given(n, batch, length) : positions;
            bool interleaved = n.Int("rotary_interleaved", 0) == 1;
            query = RotaryOperators.Rotate(n, query, n.Value(Cos), n.Value(Sin), rotated, interleaved);
            key = RotaryOperators.Rotate(n, key, n.Value(Cos), n.Value(Sin), rotated, interleaved);
        }
        (key, value, Value keyPositions) = Cached(n, key, value, past, total);
        Combine(n, query, key, value, new Columns(keyPositions, n.Reshape(positions, [batch, 1, length, 1]), n.Reshape(total, [batch, 1, 1, 1])));
    }

    /// <summary>
    /// The positions that the model gives for the rotation: [batch, length]. Of a first prompt, where the total length is the
    /// length of the call, only the very first is read, and the others count on from it in every row (ContribOperators.md).
    /// </summary>
    private static Value Given(NodeContext n, DimExpr batch, DimExpr length)
    {
        Value all = Fitting.Fit(n, n.Cast(n.Value(PositionIds), ElementType.I64), [batch, length], "the positions");
        DimExpr? total = n.Contents(Total) is null ? null : n.Dims(Total, "the total length")[0];
        if (total is not null && (total - length).ConstantValue is not (null or 0))
        {
            return all;
        }
        Value first = n.SliceAxis(n.SliceAxis(all, 0, DimExpr.Zero, DimExpr.One), 1, DimExpr.Zero, DimExpr.One);
        Value counted = n.Broadcast(n.Add(first, n.Positions(length, 2, 1)), [batch, length]);
        if (total == length)
        {
            return counted;
        }
        Value isPrompt = n.Binary(BinaryOp.Equal, n.Integers(n.Value(Total), 1, 1), n.Emit(new ShapeValue([length], [1, 1])));
        return n.Select(isPrompt, counted, all);
    }

    /// <summary>Which keys there are: the position of each, that of each query, and how many positions each sequence has; all stretch to the scores.</summary>
    private sealed record Columns(Value Keys, Value Queries, Value Total);

    /// <summary>Each head divided by its root mean square, times a weight (Qwen 3), ahead of the rotation.</summary>
    private static (Heads Query, Heads Key) Normalized(NodeContext n, Heads query, Heads key)
    {
        if (!ContribAttentionOperators.Has(n, QueryNorm) && !ContribAttentionOperators.Has(n, KeyNorm))
        {
            return (query, key);
        }
        var norm = new Norm(NormKind.Rms, n.Float("qk_norm_epsilon", 1e-6f), false);
        Heads Divided(Heads x, int weight) => x with { Tensor = n.Emit(norm, x.Tensor, n.Cast(Fitting.Fit(n, n.Value(weight), [x.Width], "the weight of the norm"), x.Tensor.Type.Element)) };
        return (Divided(query, QueryNorm), Divided(key, KeyNorm));
    }

    /// <summary>Sets the caches after this call, and gives what the queries read of them with the position of every key.</summary>
    private static (Heads Key, Heads Value, Value Positions) Cached(NodeContext n, Heads key, Heads value, Value past, Value total)
    {
        bool hasPast = ContribAttentionOperators.Has(n, PastKey);
        if (hasPast != ContribAttentionOperators.Has(n, PastValue))
        {
            throw ImportException.Invalid("past_key and past_value must be both there or both absent", "export the model again with both");
        }
        ElementType type = key.Tensor.Type.Element;
        CacheCodes keyCodes = CacheCodes.Of(n, "k_quant_type", KeyScale, key, hasPast ? n.Type(PastKey) : null);
        CacheCodes valueCodes = CacheCodes.Of(n, "v_quant_type", ValueScale, value, hasPast ? n.Type(PastValue) : null);
        Value newKeys = keyCodes.Encode(n, key), newValues = valueCodes.Encode(n, value);
        if (!hasPast)
        {
            if (n.Int("sliding_window_cache", 0) != 0)
            {
                throw ImportException.Invalid("sliding_window_cache needs past_key and past_value: their length is the capacity of the cache", "export the model again with both, or with sliding_window_cache 0");
            }
            n.Return(newKeys, 1);
            n.Return(newValues, 2);
            return (keyCodes.Decode(n, newKeys, type), valueCodes.Decode(n, newValues, type), n.Positions(key.Length, 4, 3));
        }
        Value oldKeys = Fitted(n, PastKey, key, keyCodes, null), oldValues = Fitted(n, PastValue, value, valueCodes, oldKeys.Type.Shape[2]);
        // Without new keys another layer has appended to the caches already.
        var cache = new GroupQueryCache(n, oldKeys.Type, key.Length, key.Length.Is(0) ? total : past, total, Total);
        Value presentKeys = cache.Append(oldKeys, newKeys), presentValues = cache.Append(oldValues, newValues);
        n.Return(presentKeys, 1);
        n.Return(presentValues, 2);
        return (keyCodes.Decode(n, cache.Read(oldKeys, newKeys, presentKeys), type), valueCodes.Decode(n, cache.Read(oldValues, newValues, presentValues), type), cache.Positions());
    }

    /// <summary>The past [batch, heads, length, columns] that belongs to heads of keys or values.</summary>
    private static Value Fitted(NodeContext n, int input, Heads current, CacheCodes codes, DimExpr? length)
    {
        Value past = n.Value(input);
        return past.Type.Rank != 4 ? throw ImportException.Invalid($"the past {past.Type} is not [batch, heads, length, width]")
            : Fitting.Fit(n, past, [current.Batch, current.Count, length ?? past.Type.Shape[2], codes.Columns(current.Width)], "the past");
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

    private static void Combine(NodeContext n, Heads query, Heads key, Heads value, Columns columns)
    {
        DimExpr keys = key.Length;
        bool hasSink = ContribAttentionOperators.Has(n, HeadSink);
        // A sink is one more key of score sink[head] (smooth softmax: 0) whose value is 0 (gpt-oss; Xiao et al. 2023).
        bool isExtended = hasSink || n.Int("smooth_softmax", 0) == 1;
        if (isExtended)
        {
            (key, value) = (WithZero(n, key), WithZero(n, value));
        }
        var attention = new AttentionBuilder(n, query, key, value, ContribAttentionOperators.Scale(n, query.Width)) { SoftCap = float.Max(n.Float("softcap", 0), 0) };
        Value visible = Visible(n, columns);
        if (isExtended)
        {
            Value all = n.Broadcast(visible, [query.Batch, DimExpr.One, query.Length, keys]);
            visible = n.Emit(new Concat(3), all, n.Broadcast(n.Scalar(ElementType.Bool, 1), [query.Batch, DimExpr.One, query.Length, DimExpr.One]));
        }
        attention.Hide(visible, "the causal mask");
        ElementType type = query.Tensor.Type.Element;
        if (ContribAttentionOperators.Has(n, ScoreBias))
        {
            Value bias = n.Cast(Bias(n, n.Value(ScoreBias), [query.Batch, query.Count, query.Length, keys]), type);
            attention.AddToScores(isExtended ? n.Emit(new Concat(bias.Type.Rank - 1), bias, Zeros(n, type, [.. bias.Type.Shape.SkipLast(1), 1])) : bias, "the attention bias");
        }
        if (hasSink)
        {
            Value sink = n.Cast(n.Reshape(n.Value(HeadSink), [DimExpr.One, query.Count, DimExpr.One, DimExpr.One]), type);
            attention.AddToScores(n.Emit(new Concat(3), Zeros(n, type, [DimExpr.One, query.Count, DimExpr.One, keys]), sink), "the sinks");
        }
        n.Return(attention.Fused().Merge(n));
        n.ReturnIfNamed(() => Scores(n, attention, keys), 3);
    }

    /// <summary>
    /// The scores ahead of the softmax, 0 for hidden keys as ONNX Runtime's kernel leaves them, or the weights behind it:
    /// [batch, heads, length, total].
    /// </summary>
    private static Value Scores(NodeContext n, AttentionBuilder attention, DimExpr keys)
    {
        if (n.Int("sliding_window_cache", 0) != 0)
        {
            throw ImportException.Invalid("qk_output with sliding_window_cache is not supported: the scores of evicted keys are not there", "leave the fourth output out");
        }
        Value scores = attention.Capped(attention.Scores());
        Value stage = n.Int("qk_output", 0) switch
        {
            1 => attention.Masked(scores, 0),
            2 => attention.Probabilities(attention.Masked(scores, double.NegativeInfinity)),
            long other => throw ImportException.Invalid($"the fourth output needs qk_output 1 (ahead of the softmax) or 2 (behind it), it is {other}", "set qk_output, or leave the output out"),
        };
        DimExpr total = n.Contents(Total) is null ? keys : n.Dims(Total, "the total length")[0];
        return stage.Type.Shape[3] == total ? stage : n.SliceAxis(stage, 3, DimExpr.Zero, total);
    }

    /// <summary>Which keys a query sees: those up to its own position, of a window the last ones; without a causal mask all there are.</summary>
    private static Value Visible(NodeContext n, Columns columns)
    {
        long window = n.Int("local_window_size", -1);
        if (window is 0 or < -1)
        {
            throw ImportException.Invalid($"local_window_size {window} is neither -1, for no window, nor a number of keys", "set local_window_size to -1, or to the keys of the window");
        }
        switch (n.Int("causal", 1))
        {
            case 0 when window != -1:
                throw ImportException.Invalid($"local_window_size {window} needs the causal mask, which causal = 0 takes away", "set local_window_size to -1, or causal to 1");
            case 0:
                return n.Binary(BinaryOp.Less, columns.Keys, columns.Total);
            case 1:
                Value visible = n.Binary(BinaryOp.LessOrEqual, columns.Keys, columns.Queries);
                return window < 0 ? visible
                    : n.Binary(BinaryOp.And, visible, n.Binary(BinaryOp.Greater, columns.Keys, n.Subtract(columns.Queries, n.Scalar(ElementType.I64, window))));
            case long other:
                throw ImportException.Invalid($"causal {other} is neither 0 nor 1", "set it to 0 for all keys, to 1 for those up to the query");
        }
    }

    /// <summary>
    /// The bias for every key; where the cache has more rows than there are positions, the model's is shorter, and keys
    /// without a bias are hidden.
    /// </summary>
    private static Value Bias(NodeContext n, Value bias, DimExpr[] scores)
    {
        if (n.Int("sliding_window_cache", 0) != 0)
        {
            throw ImportException.Invalid("an attention_bias with sliding_window_cache is not supported: its columns are positions of the whole sequence, the cache holds the last of them",
                "export the model again with sliding_window_cache 0, or without the bias");
        }
        DimExpr columns = bias.Type.Shape.Last, keys = scores[3];
        if (columns == keys || n.Contents(Total) is null || columns != n.Dims(Total, "the total length")[0])
        {
            return Fitting.FitBroadcast(n, bias, scores, "the attention bias");
        }
        Value fitted = Fitting.FitBroadcast(n, bias, [.. scores.Take(3), columns], "the attention bias");
        return n.Emit(new Concat(fitted.Type.Rank - 1), fitted, Zeros(n, fitted.Type.Element, [.. fitted.Type.Shape.SkipLast(1), keys - columns]));
    }

    private static Heads WithZero(NodeContext n, Heads x)
    {
        Value major = x.HeadMajor(n).Tensor;
        return new Heads(n.Emit(new Concat(2), major, Zeros(n, major.Type.Element, [x.Batch, x.Count, DimExpr.One, x.Width])), HeadLayout.BHSD);
    }

    private static Value Zeros(NodeContext n, ElementType type, IEnumerable<DimExpr> shape) => n.Broadcast(n.Scalar(type, 0), shape);
}
