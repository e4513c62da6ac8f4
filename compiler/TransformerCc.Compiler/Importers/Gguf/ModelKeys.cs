using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Every key {arch}.* that is known, and what becomes of it. A key of a file's architecture that is not here is refused: it may
/// change what is computed. Names from gguf-py/gguf/constants.py and src/llama-arch.cpp of llama.cpp, meanings from
/// src/llama-model.cpp (load_hparams), src/llama-context.cpp (YaRN) and the files of src/models.
/// </summary>
internal static class ModelKeys
{
    public static readonly MetadataKey
        Layers = Used("block_count", "number of layers"),
        Width = Used("embedding_length", "width of the vectors between layers"),
        Context = Used("context_length", "positions the model was made for"),
        Hidden = Used("feed_forward_length", "width of the feed-forward part, one for all layers or one for each"),
        Heads = Used("attention.head_count", "heads of queries, one number for all layers or one for each"),
        KeyHeads = Used("attention.head_count_kv", "heads of keys and values, one number for all layers or one for each"),
        KeyWidth = Used("attention.key_length", "width of a head of queries and keys"),
        ValueWidth = Used("attention.value_length", "width of a head of values"),
        RmsEpsilon = Used("attention.layer_norm_rms_epsilon", "ε of the norms", UsesRms),
        LayerEpsilon = Used("attention.layer_norm_epsilon", "ε of the norms", a => !UsesRms(a)),
        ScoreScale = Used("attention.scale", "factor of the scores; 0: that of the architecture"),
        ScoreCap = Used("attn_logit_softcapping", "c of c·tanh(score / c); 0: none"),
        LogitCap = Used("final_logit_softcapping", "c of c·tanh(logit / c); 0: none", a => !a.IsBidirectional),
        Pooling = Used("pooling_type", "how an embedding is pooled: 0 none, 1 mean, 2 first token, 3 last token"),
        Experts = Used("expert_count", "experts of each layer; 0: none"),
        ExpertsUsed = Used("expert_used_count", "experts chosen for a token", HasExperts),
        ExpertHidden = Used("expert_feed_forward_length", "width of an expert", HasExperts),
        SharedHidden = Used("expert_shared_feed_forward_length", "width of the shared expert", HasShared),
        ExpertScale = Used("expert_weights_scale", "factor of the experts' weights; 0: none", HasExperts),
        ExpertNorm = Used("expert_weights_norm", "whether the weights of the chosen experts are made to sum to 1", HasExperts),
        Window = Used("attention.sliding_window", "keys that a layer with a window sees; 0: no layer has one", HasWindow),
        WindowPattern = Used(
            "attention.sliding_window_pattern",
            "which layers have the window: true or false for each, or a period n: all but every n-th (1: none, 0: all)",
            HasWindow),
        LocalRopeBase = Used("rope.freq_base_swa", "θ of the rotation in layers with a window", a => a.Window?.LocalRope is not null),
        RopeDimensions = Used("rope.dimension_count", "leading elements of a head that are rotated", Rotates),
        RopeBase = Used("rope.freq_base", "θ of the rotation", Rotates),
        RopeScaling = Used("rope.scaling.type", "none, linear, yarn or longrope", Rotates),
        RopeFactor = Used("rope.scaling.factor", "divisor of the positions; 0: 1", Rotates),
        RopeScaleLinear = Used("rope.scale_linear", "the same in early files", Rotates),
        RopeMagnitude = Used("rope.scaling.attn_factor", "factor of cos and sin", Rotates),
        RopeOriginalContext = Used("rope.scaling.original_context_length", "positions before the model was stretched", Rotates),
        YarnMix = Used("rope.scaling.yarn_ext_factor", "how much of their frequency fast pairs keep; below 0: 1 for yarn, else 0", Rotates),
        YarnFast = Used("rope.scaling.yarn_beta_fast", "turns within the original context of pairs that keep their frequency", Rotates),
        YarnSlow = Used("rope.scaling.yarn_beta_slow", "turns within the original context of pairs that are fully scaled", Rotates);

    public static IReadOnlyList<MetadataKey> All { get; } =
    [
        Layers, Width, Context, Hidden, Heads, KeyHeads, KeyWidth, ValueWidth, RmsEpsilon, LayerEpsilon, ScoreScale, ScoreCap, LogitCap, Pooling,
        Experts, ExpertsUsed, ExpertHidden, SharedHidden, ExpertScale, ExpertNorm, Window, WindowPattern, LocalRopeBase,
        RopeDimensions, RopeBase, RopeScaling, RopeFactor, RopeScaleLinear, RopeMagnitude, RopeOriginalContext, YarnMix, YarnFast, YarnSlow,

        Only("attention.causal", "true", "a token sees those before it alone", Is(true), a => !a.IsBidirectional),
        Only("attention.causal", "false", "every token sees every other", Is(false), a => a.IsBidirectional),
        Only("use_parallel_residual", "true", "attention and the feed-forward part read the same input", Is(true), a => a.IsParallel == true),
        Only("use_parallel_residual", "false", "the feed-forward part reads the result of attention", Is(false), a => a.IsParallel == false),
        Without("use_parallel_residual", "the tensor ffn_norm says so; converters write true for either kind", a => a.IsParallel is null),
        Only("tensor_data_layout", "Meta AI original pth", "rows of queries and keys are permuted", Says("Meta AI original pth"), a => a.Name == "llama"),
        Only("tensor_data_layout", "jploski", "queries, keys and values stand in this order in one matrix", Says("jploski"), a => a.Name == "falcon"),
        Only("attention.sliding_window", "0, or the context_length at least", "a window that hides nothing", HidesNothing, a => !HasWindow(a)),
        Without("attention.sliding_window_pattern", "no layer of this architecture has a window", a => !HasWindow(a)),
        Only("attention.clamp_kqv", "0", "queries, keys and values are not clamped", Zero),
        Only("attention.max_alibi_bias", "0", "scores have no bias by distance", Zero),
        Only("attention.output_scale", "0 or 1", "the result of attention is not scaled", ZeroOrOne),
        Only("attention.value_scale", "0 or 1", "values are not scaled", ZeroOrOne),
        Only("attention.temperature_length", "0", "scores do not depend on the position beyond the rotation", Zero),
        Only("attention.temperature_scale", "0", "scores do not depend on the position beyond the rotation", Zero),
        Only("attention.key_length_swa", "the width of a head of keys", "all layers have heads of one width", SameAs(KeyWidth)),
        Only("attention.value_length_swa", "the width of a head of values", "all layers have heads of one width", SameAs(ValueWidth)),
        Only("attention.shared_kv_layers", "0", "every layer has keys and values of its own", Zero),
        Only("router_logit_softcapping", "0", "scores of experts have no cap", Zero),
        Only("embedding_scale", "0 or 1", "embeddings are not scaled", ZeroOrOne, a => !a.ScalesEmbeddings),
        Only("residual_scale", "0 or 1", "what a layer adds is not scaled", ZeroOrOne),
        Only("logit_scale", "0 or 1", "logits are not scaled", ZeroOrOne),
        Only("expert_used_count", "0", "the architecture has no experts", Zero, a => !HasExperts(a)),
        Only("expert_shared_count", "1", "one expert is for every token", One, HasShared),
        Only("expert_shared_count", "0", "no expert is for every token", Zero, a => !HasShared(a)),
        Only("expert_gating_func", "0 or 1", "scores of experts go through a softmax", ZeroOrOne),
        Only("expert_group_count", "0 or 1", "experts are not chosen in groups", ZeroOrOne),
        Only("expert_group_used_count", "0 or 1", "experts are not chosen in groups", ZeroOrOne),
        Only("leading_dense_block_count", "0", "every layer has experts, or none has", Zero),
        Only("interleave_moe_layer_step", "0 or 1", "every layer has experts, or none has", ZeroOrOne),
        Only("moe_every_n_layers", "0", "every layer has experts, or none has", Zero),
        Only("nextn_predict_layers", "0", "no layer predicts tokens further ahead", Zero),
        Only("n_deepstack_layers", "0", "no layer takes vectors of images", Zero),
        Only("embedding_length_per_layer_input", "0", "no layer has embeddings of its own", Zero),
        Only("embedding_length_out", "the embedding_length", "embeddings leave in the width of the layers", SameAs(Width)),
        Only("rope.dimension_count_swa", "the rope.dimension_count", "as many elements are rotated in every layer", SameAs(RopeDimensions)),
        Only("rope.dimension_sections", "zeros", "a token has one position, not one for each axis of an image", AllZero),
        Only("rope.scaling.alpha", "0 or 1", "θ is not scaled", ZeroOrOne),
        Only("rope.scaling.yarn_attn_factor", "1", "cos and sin are scaled by what YaRN says alone", One),
        Only("rope.scaling.yarn_log_multiplier", "0", "cos and sin are scaled by what YaRN says alone", Zero),
        Without("rope.scaling.finetuned", "it says how the model was trained"),
        Without("rope.dimension_count", "positions are not rotated", a => !Rotates(a)),
        Without("rope.freq_base", "positions are not rotated", a => !Rotates(a)),
        Without("vocab_size", "the rows of token_embd.weight say how many tokens there are"),
        Without("attention.layer_norm_epsilon", "the norms of this architecture are RMS norms", UsesRms),
        Without("attention.layer_norm_rms_epsilon", "the norms of this architecture are no RMS norms", a => !UsesRms(a)),
    ];

    /// <summary>The declaration of a key for an architecture; null: none.</summary>
    /// <param name="name">The key in a file of the architecture.</param>
    public static MetadataKey? Find(string name, Architecture architecture) => All.FirstOrDefault(k => k.In(architecture.Name) == name && k.AppliesTo(architecture));

    private static MetadataKey Used(string name, string meaning, Func<Architecture, bool>? appliesTo = null) =>
        new("{arch}." + name, KeyUse.Used, meaning) { AppliesTo = appliesTo ?? (_ => true) };

    private static MetadataKey Only(string name, string values, string meaning, KeyCondition accepts, Func<Architecture, bool>? appliesTo = null) =>
        new("{arch}." + name, KeyUse.AcceptedOnly, meaning) { AcceptedValues = values, Accepts = accepts, AppliesTo = appliesTo ?? (_ => true) };

    private static MetadataKey Without(string name, string why, Func<Architecture, bool>? appliesTo = null) =>
        new("{arch}." + name, KeyUse.WithoutEffect, why) { AppliesTo = appliesTo ?? (_ => true) };

    private static bool UsesRms(Architecture a) => a.Norm == NormKind.Rms;

    private static bool Rotates(Architecture a) => a.Rope is not null;

    private static bool HasWindow(Architecture a) => a.Window is not null;

    private static bool HasExperts(Architecture a) => a.Experts is not null;

    private static bool HasShared(Architecture a) => a.Experts?.HasShared == true;

    private static KeyCondition Is(bool flag) => (value, _) => value.Flag == flag;

    private static KeyCondition Says(string text) => (value, _) => value.Text == text;

    private static bool Zero(GgufValue value, Func<MetadataKey, GgufValue?> other) => value.Number == 0;

    private static bool One(GgufValue value, Func<MetadataKey, GgufValue?> other) => value.Number == 1;

    private static bool ZeroOrOne(GgufValue value, Func<MetadataKey, GgufValue?> other) => value.Number is 0 or 1;

    private static bool AllZero(GgufValue value, Func<MetadataKey, GgufValue?> other) => value.Array?.Integers() is { } numbers && numbers.All(n => n == 0);

    private static bool HidesNothing(GgufValue value, Func<MetadataKey, GgufValue?> other) =>
        value.Integer is { } window && (window == 0 || window >= other(Context)?.Integer);

    private static KeyCondition SameAs(MetadataKey key) => (value, other) => value.Integer is { } n && n == other(key)?.Integer;
}
