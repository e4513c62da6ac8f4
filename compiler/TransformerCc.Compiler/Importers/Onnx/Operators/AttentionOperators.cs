using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Attention of ONNX itself (Attention-23 and -24). The function body of those versions is followed: scale, mask, soft
/// cap, softmax; the score outputs of its modes 0 to 3 are those four stages.
/// </summary>
internal static class AttentionOperators
{
    private static OperatorSignature Form(long version, params IEnumerable<string> behind) =>
        From(version, ["Q", "K", "V", "attn_mask?", "past_key?", "past_value?", .. behind]).Returns("Y", "present_key?", "present_value?", "qk_matmul_output?")
            .Flag("is_causal").Int("kv_num_heads", "q_num_heads", "qk_matmul_output_mode").Float("scale", "softcap")
            .Unused(AttributeKind.Int, "softmax_precision", "softmax is computed in f32, the most precise choice");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Attention", [
                Form(23),
                Form(24, "nonpad_kv_seqlen?"),
                Form(25, "nonpad_kv_seqlen?").Only("left_window_size", -1, "a window on the keys before").Only("right_window_size", -1, "a window on the keys behind"),
            ], Attend),
    ];

    /// <summary>The optional inputs behind query, key and value.</summary>
    private const int MaskInput = 3, PastKeyInput = 4, PastValueInput = 5, KeyCountInput = 6;

    private static void Attend(NodeContext n)
    {
        bool hasHeads = n.Rank(0) == 4;
        if (hasHeads && n.Rank(1) != 4)
        {
            throw ImportException.Invalid($"the query {n.Value(0).Type} has heads of its own, the key {n.Value(1).Type} has not");
        }
        DimExpr queryHeads = hasHeads ? n.Shape(0)[1] : ContribAttentionOperators.HeadCount(n, "q_num_heads");
        DimExpr keyHeads = hasHeads ? n.Shape(1)[1] : ContribAttentionOperators.HeadCount(n, "kv_num_heads");
        Heads query = Heads.Of(n, n.Value(0), queryHeads), key = Heads.Of(n, n.Value(1), keyHeads), value = Heads.Of(n, n.Value(2), keyHeads);
        DimExpr past = DimExpr.Zero;
        if (ContribAttentionOperators.Has(n, PastKeyInput) && ContribAttentionOperators.Has(n, PastValueInput))
        {
            Value pastKey = n.Value(PastKeyInput);
            past = pastKey.Type.Rank == 4 ? pastKey.Type.Shape[2] : DimExpr.Zero;
            key = key.After(n, pastKey);
            value = value.After(n, Fitting.Fit(n, n.Value(PastValueInput), [value.Batch, value.Count, past, value.Width], "the past of the values"));
        }
        n.ReturnIfNamed(() => key.HeadMajor(n).Tensor, 1);
        n.ReturnIfNamed(() => value.HeadMajor(n).Tensor, 2);

        var attention = new AttentionBuilder(n, query, key, value, ContribAttentionOperators.Scale(n, query.Width));
        AddMasks(n, attention, past);
        float cap = n.Float("softcap", 0);
        long? stage = n.OutputCount > 3 && n.Proto.Output[3].Length > 0 ? n.Int("qk_matmul_output_mode", 0) : null;
        // The fused operator caps ahead of its masks, and shows no scores.
        bool fuses = stage is null && (cap == 0 || !attention.HasMask);
        attention.SoftCap = fuses ? cap : 0;
        Heads result = fuses ? attention.Fused() : Composed(n, attention, cap, stage);
        n.Return(hasHeads ? result.HeadMajor(n).Tensor : result.Merge(n));
    }

    /// <summary>The function body, node by node.</summary>
    private static Heads Composed(NodeContext n, AttentionBuilder attention, float cap, long? stage)
    {
        Value scores = attention.Scores();
        Value masked = attention.Masked(scores);
        Value capped = cap == 0 ? masked : n.Emit(new Unary(UnaryOp.SoftCap, cap), masked);
        Value probabilities = n.Emit(new Softmax(3), capped);
        if (stage is { } mode)
        {
            n.Return(mode switch
            {
                0 => scores,
                1 => masked,
                2 => capped,
                3 => probabilities,
                _ => throw ImportException.Invalid($"qk_matmul_output_mode {mode} is not one of 0 to 3"),
            }, 3);
        }
        return attention.Combined(probabilities);
    }

    private static void AddMasks(NodeContext n, AttentionBuilder attention, DimExpr past)
    {
        DimExpr batch = attention.ScoreShape[0], queries = attention.ScoreShape[2], keys = attention.ScoreShape[3];
        Value? visibleKeys = ContribAttentionOperators.Has(n, KeyCountInput)
            ? n.Integers(Fitting.Fit(n, n.Value(KeyCountInput), [batch], "nonpad_kv_seqlen"), batch, 1, 1, 1) : null;
        if (n.Int("is_causal", 0) != 0)
        {
            if (visibleKeys is null || !past.Is(0))
            {
                attention.CausalOffset = past;
            }
            else
            {
                // A cache outside the operator: the queries are the last of the visible keys (Attention-24).
                Value last = n.Add(n.Subtract(visibleKeys, n.Emit(new ShapeValue([queries], [1, 1, 1, 1]))), n.Positions(queries, 4, 2));
                attention.Hide(n.Binary(BinaryOp.LessOrEqual, n.Positions(keys, 4, 3), last), "the causal mask");
            }
        }
        if (visibleKeys is not null)
        {
            attention.Hide(n.Binary(BinaryOp.Less, n.Positions(keys, 4, 3), visibleKeys), "nonpad_kv_seqlen");
        }
        if (ContribAttentionOperators.Has(n, MaskInput))
        {
            Value mask = Extended(n, n.Value(MaskInput), keys);
            if (mask.Type.Element == ElementType.Bool)
            {
                attention.Hide(mask, "the mask");
            }
            else
            {
                attention.AddToScores(mask, "the mask");
            }
        }
    }

    /// <summary>A mask of fewer keys hides the others (Attention-24).</summary>
    private static Value Extended(NodeContext n, Value mask, DimExpr keys)
    {
        if (mask.Type.Rank == 0 || mask.Type.Shape.Last.ConstantValue is not { } have || keys.ConstantValue is not { } all || have >= all || have == 1)
        {
            return mask;
        }
        ElementType type = mask.Type.Element;
        Value hidden = n.Broadcast(n.Scalar(type, type == ElementType.Bool ? 0 : double.NegativeInfinity), [.. mask.Type.Shape.Take(mask.Type.Rank - 1), all - have]);
        return n.Emit(new Concat(mask.Type.Rank - 1), mask, hidden);
    }
}
