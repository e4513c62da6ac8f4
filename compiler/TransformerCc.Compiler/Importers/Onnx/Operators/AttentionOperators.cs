using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Attention of ONNX itself: of operator set 23; 24 adds nonpad_kv_seqlen and masks of fewer keys; 25 adds windows. The
/// order is scale, soft cap, masks, softmax in all of them: what 23 and 24 said first, that the masks come ahead of the
/// cap, gave hidden keys the weight of −cap and was corrected in both (onnx/onnx#7867), and ONNX Runtime computes so. A query
/// that sees no key gives 0 (onnx/onnx#8068).
/// </summary>
internal static class AttentionOperators
{
    private static OperatorSignature Form(long version, params IEnumerable<string> behind) =>
        From(version, ["Q", "K", "V", "attn_mask?", "past_key?", "past_value?", .. behind]).Returns("Y", "present_key?", "present_value?", "qk_matmul_output?")
            .OneIsYes("is_causal").Int("kv_num_heads", "q_num_heads", "qk_matmul_output_mode", "softmax_precision").Float("scale", "softcap");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        // A later form is the same operator with more: each reads what its version has.
        new("Attention", Form(23), n => Attend(n, new Features(CountsKeys: false, HasWindow: false))) { MaximumOpset = 23 },
        new("Attention", Form(24, "nonpad_kv_seqlen?"), n => Attend(n, new Features(CountsKeys: true, HasWindow: false))) { MaximumOpset = 24 },
        new("Attention", Form(25, "nonpad_kv_seqlen?").Int("left_window_size", "right_window_size"), n => Attend(n, new Features(CountsKeys: true, HasWindow: true))),
    ];

    /// <summary>The optional inputs behind query, key and value.</summary>
    private const int MaskInput = 3, PastKeyInput = 4, PastValueInput = 5, KeyCountInput = 6;

    /// <summary>TensorProto's numbers of the types that softmax_precision may name.</summary>
    private const long Float = 1, Half = 10, Double = 11, BFloat = 16;

    /// <summary>What a version of the operator has.</summary>
    /// <param name="CountsKeys">The input nonpad_kv_seqlen, and masks of fewer keys.</param>
    /// <param name="HasWindow">left_window_size and right_window_size, and score outputs numbered by their order.</param>
    private sealed record Features(bool CountsKeys, bool HasWindow);

    private static void Attend(NodeContext n, Features features)
    {
        bool hasHeads = n.Rank(0) == 4;
        if (n.Rank(1) != n.Rank(0) || n.Rank(2) != n.Rank(0))
        {
            throw ImportException.Invalid($"query {n.Value(0).Type}, key {n.Value(1).Type} and value {n.Value(2).Type} must all have heads of their own (4 dimensions), or none of them (3)",
                "reshape the one that differs");
        }
        DimExpr queryHeads = hasHeads ? OwnHeads(n, 0, "q_num_heads") : ContribAttentionOperators.HeadCount(n, "q_num_heads");
        DimExpr keyHeads = hasHeads ? OwnHeads(n, 1, "kv_num_heads") : ContribAttentionOperators.HeadCount(n, "kv_num_heads");
        Heads query = Heads.Of(n, n.Value(0), queryHeads), key = Heads.Of(n, n.Value(1), keyHeads), value = Heads.Of(n, n.Value(2), keyHeads);
        DimExpr past = DimExpr.Zero;
        bool hasPast = ContribAttentionOperators.Has(n, PastKeyInput);
        if (hasPast != ContribAttentionOperators.Has(n, PastValueInput))
        {
            throw ImportException.Invalid("past_key and past_value must be both there or both absent", "export the model again with both");
        }
        if (hasPast)
        {
            Value pastKey = n.Value(PastKeyInput);
            past = pastKey.Type.Rank == 4 ? pastKey.Type.Shape[2] : DimExpr.Zero;
            key = key.After(n, pastKey);
            value = value.After(n, Fitting.Fit(n, n.Value(PastValueInput), [value.Batch, value.Count, past, value.Width], "the past of the values"));
        }
        n.ReturnIfNamed(() => key.HeadMajor(n).Tensor, 1);
        n.ReturnIfNamed(() => value.HeadMajor(n).Tensor, 2);

        CheckPrecision(n);
        var attention = new AttentionBuilder(n, query, key, value, Scale(n, query.Width)) { SoftCap = float.Max(n.Float("softcap", 0), 0), ZeroesHiddenRows = true };
        AddMasks(n, attention, past, features);
        Heads result = attention.Fused();
        n.Return(hasHeads ? result.HeadMajor(n).Tensor : result.Merge(n));
        n.ReturnIfNamed(() => Scores(n, attention, features), 3);
    }

    /// <summary>The heads that an input of four dimensions has; an attribute that contradicts is refused.</summary>
    private static DimExpr OwnHeads(NodeContext n, int input, string attribute)
    {
        DimExpr heads = n.Shape(input)[1];
        return n.Int(attribute, 0) is var said && (said == 0 || heads.Is(said)) ? heads
            : throw ImportException.Invalid($"{attribute} is {said}, input {input} has {heads} heads", $"leave {attribute} out: an input of four dimensions says it");
    }

    private static float Scale(NodeContext n, DimExpr width) => n.OptionalFloat("scale") is null || n.Float("scale", 0) > 0 ? ContribAttentionOperators.Scale(n, width)
        : throw ImportException.Invalid($"scale {n.Float("scale", 0)} is not above 0", "leave scale out for 1 / √(head width)");

    /// <summary>The softmax is computed in float32, which holds every number of the narrower types that may be asked for.</summary>
    private static void CheckPrecision(NodeContext n)
    {
        switch (n.OptionalInt("softmax_precision"))
        {
            case null or 0 or Float or Half or BFloat:
                break;
            case Double:
                n.Session.NoteDoubleArithmetic(n.Label);
                break;
            case long other:
                throw ImportException.Invalid($"softmax_precision {other} is no type of floating point", "leave softmax_precision out");
        }
    }

    /// <summary>
    /// The scores at one of four stages: 0 as they are, 3 the weights. Between them stand the soft cap and the masks: from
    /// operator set 25 numbered 1 and 2; before, as those versions and their tests said first, the other way about.
    /// </summary>
    private static Value Scores(NodeContext n, AttentionBuilder attention, Features features)
    {
        long mode = n.Int("qk_matmul_output_mode", 0);
        Value scores = attention.Scores();
        Value Capped() => attention.Capped(scores);
        Value Masked() => attention.Masked(Capped(), double.NegativeInfinity);
        if (!features.HasWindow && mode is 1 or 2)
        {
            string stage = mode == 1 ? "behind the masks" : "behind the soft cap and ahead of the masks";
            n.Session.Diagnostics.Add(Diagnostic.Note(ImportCodes.Assumption,
                $"qk_matmul_output_mode {mode} of operator set {n.Opset} is taken for the scores {stage}, as the standard said first; newer texts of it exchange 1 and 2 (onnx/onnx#7913)",
                n.Location, "export for operator set 25, where the numbers are settled"));
        }
        return mode switch
        {
            0 => scores,
            1 => features.HasWindow ? Capped() : Masked(),
            2 => features.HasWindow ? Masked() : Capped(),
            3 => attention.Probabilities(Masked()),
            _ => throw ImportException.Invalid($"qk_matmul_output_mode {mode} is not one of 0 to 3", "leave the fourth output out, or set a mode from 0 to 3"),
        };
    }

    private static void AddMasks(NodeContext n, AttentionBuilder attention, DimExpr past, Features features)
    {
        DimExpr batch = attention.ScoreShape[0], queries = attention.ScoreShape[2], keys = attention.ScoreShape[3];
        Value? visibleKeys = features.CountsKeys && ContribAttentionOperators.Has(n, KeyCountInput)
            ? n.Integers(Fitting.Fit(n, n.Value(KeyCountInput), [batch], "nonpad_kv_seqlen"), batch, 1, 1, 1) : null;
        bool isCausal = n.Int("is_causal", 0) != 0, isOutside = visibleKeys is not null && past.Is(0);
        // With a cache outside the operator the queries are the last of the visible keys (Attention-24).
        Value Positions() => isOutside ? n.Add(n.Subtract(visibleKeys!, n.Emit(new ShapeValue([queries], [1, 1, 1, 1]))), n.Positions(queries, 4, 2)) : n.Positions(queries, 4, 2, past);
        if (isCausal && isOutside)
        {
            attention.Hide(n.Binary(BinaryOp.LessOrEqual, n.Positions(keys, 4, 3), Positions()), "the causal mask");
        }
        else if (isCausal)
        {
            attention.CausalOffset = past;
        }
        long left = features.HasWindow ? Window(n, "left_window_size") : -1, right = features.HasWindow ? Window(n, "right_window_size") : -1;
        if (left >= 0)
        {
            attention.Hide(n.Binary(BinaryOp.GreaterOrEqual, n.Positions(keys, 4, 3), n.Subtract(Positions(), n.Scalar(ElementType.I64, left))), "the window");
        }
        if (right >= 0 && !isCausal)
        {
            attention.Hide(n.Binary(BinaryOp.LessOrEqual, n.Positions(keys, 4, 3), n.Add(Positions(), n.Scalar(ElementType.I64, right))), "the window");
        }
        if (visibleKeys is not null)
        {
            attention.Hide(n.Binary(BinaryOp.Less, n.Positions(keys, 4, 3), visibleKeys), "nonpad_kv_seqlen");
        }
        if (ContribAttentionOperators.Has(n, MaskInput))
        {
            Value mask = features.CountsKeys ? Extended(n, n.Value(MaskInput), keys) : n.Value(MaskInput);
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

    /// <summary>How many keys beside its own position a query sees on one side; −1 is no bound.</summary>
    private static long Window(NodeContext n, string name) => n.Int(name, -1) is >= -1 and var size ? size
        : throw ImportException.Invalid($"{name} is {n.Int(name, -1)}; -1 is the least, for no bound", $"set {name} to -1 or to a number of keys");

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
