using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;

namespace TransformerCc.Tests.Gguf;

/// <summary>For every declared key, values that show what the declaration says.</summary>
internal static class KeySamples
{
    /// <summary>A used key with two values that must not give the same model; null leaves it out.</summary>
    /// <param name="With">Other keys that both have.</param>
    internal sealed record Used(MetadataKey Key, string Architecture, object? One, object Other, params (string Key, object? Value)[] With);

    private static readonly (string, object?)[]
        s_scaled = [("{arch}.rope.scaling.factor", 4f)],
        s_yarn = [("{arch}.rope.scaling.factor", 4f), ("{arch}.rope.scaling.type", "yarn"), ("{arch}.rope.scaling.original_context_length", 64)];

    public static IReadOnlyList<Used> OfUsed { get; } =
    [
        new(ModelKeys.Layers, "llama", 2, 1),
        new(ModelKeys.Width, "llama", 64, 32),
        new(ModelKeys.Context, "llama", 256, 128),
        new(ModelKeys.Hidden, "llama", 96, 64),
        new(ModelKeys.Heads, "llama", 4, 2),
        new(ModelKeys.KeyHeads, "llama", 2, 4),
        new(ModelKeys.KeyWidth, "llama", null, 8),
        new(ModelKeys.ValueWidth, "llama", null, 8),
        new(ModelKeys.RmsEpsilon, "llama", 1e-5f, 1e-3f),
        new(ModelKeys.LayerEpsilon, "gpt2", 1e-5f, 1e-3f),
        new(ModelKeys.ScoreScale, "llama", null, 0.5f),
        new(ModelKeys.ScoreCap, "llama", null, 20f),
        new(ModelKeys.ScoreCap, "gemma2", 50f, 0f),
        new(ModelKeys.LogitCap, "gemma3", null, 30f),
        new(ModelKeys.Pooling, "bert", 1, 2),
        new(ModelKeys.Pooling, "llama", null, 3),
        new(ModelKeys.Experts, "qwen3moe", 4, 2),
        new(ModelKeys.ExpertsUsed, "qwen3moe", 2, 1),
        new(ModelKeys.ExpertHidden, "qwen3moe", 96, null!),
        new(ModelKeys.SharedHidden, "qwen2moe", 96, 48),
        new(ModelKeys.ExpertScale, "qwen3moe", null, 2.5f),
        new(ModelKeys.ExpertNorm, "qwen2moe", null, true),
        new(ModelKeys.ExpertNorm, "qwen3moe", null, false),
        new(ModelKeys.Window, "gemma2", 8, 16),
        new(ModelKeys.Window, "gemma3", null, 8),
        new(ModelKeys.Window, "phi3", null, 8),
        new(ModelKeys.WindowPattern, "gemma3", null, 2, ("{arch}.attention.sliding_window", 8)),
        new(ModelKeys.WindowPattern, "gemma3", 1, 0, ("{arch}.attention.sliding_window", 8)),
        new(ModelKeys.WindowPattern, "gemma3", null, new[] { false, true }, ("{arch}.attention.sliding_window", 8)),
        new(ModelKeys.WindowPattern, "gemma2", null, new[] { 0, 1 }),
        new(ModelKeys.LocalRopeBase, "gemma3", null, 500f, ("{arch}.attention.sliding_window", 8)),
        new(ModelKeys.LocalRopeBase, "gemma2", null, 500f),
        new(ModelKeys.RopeDimensions, "qwen2", 16, 8),
        new(ModelKeys.RopeBase, "llama", 10_000f, 500f),
        new(ModelKeys.RopeScaling, "llama", null, "yarn", s_scaled),
        new(ModelKeys.RopeScaling, "llama", null, "none", s_scaled),
        new(ModelKeys.RopeFactor, "llama", null, 4f),
        new(ModelKeys.RopeScaleLinear, "llama", null, 4f),
        new(ModelKeys.RopeMagnitude, "llama", null, 1.5f),
        new(ModelKeys.RopeOriginalContext, "qwen2", 64, 256, s_yarn[..2]),
        new(ModelKeys.YarnMix, "qwen2", null, 0.5f, s_yarn),
        new(ModelKeys.YarnMix, "qwen2", null, 1f, s_scaled),
        new(ModelKeys.YarnFast, "qwen2", null, 2f, s_yarn),
        new(ModelKeys.YarnSlow, "qwen2", null, 3f, s_yarn),

        new(FileKeys.Architecture, "llama", "llama", "rwkv6"),
        new(FileKeys.ModelName, "llama", "synthetic", "phi-3"),
        new(FileKeys.Model, "llama", "llama", "gpt2"),
        new(FileKeys.Pre, "llama", null, "qwen2"),
        new(FileKeys.Tokens, "llama", new[] { "a", "b" }, new[] { "a", "c" }, s_noLists),
        new(FileKeys.Scores, "llama", new[] { 1f, 2f }, new[] { 2f, 1f }, [("tokenizer.ggml.tokens", new[] { "a", "b" }), .. s_noLists]),
        new(FileKeys.TokenTypes, "llama", new[] { 1, 1 }, new[] { 1, 3 }, [("tokenizer.ggml.tokens", new[] { "a", "b" }), .. s_noLists]),
        new(FileKeys.Merges, "llama", null, new[] { "a b" }),
        new(FileKeys.CharacterMap, "llama", null, new[] { 1, 2 }),
        .. new[] { FileKeys.Bos, FileKeys.Eos, FileKeys.Eot, FileKeys.Eom, FileKeys.Unknown, FileKeys.Padding, FileKeys.Separator, FileKeys.SeparatorRight, FileKeys.Cls, FileKeys.Mask }
            .Select(key => new Used(key, "llama", 5, 6)),
        .. new[] { FileKeys.AddBos, FileKeys.AddEos, FileKeys.AddSeparator, FileKeys.AddSpacePrefix, FileKeys.RemoveExtraWhitespaces, FileKeys.Lowercase, FileKeys.StripAccents }
            .Select(key => new Used(key, "llama", false, true)),
        new(FileKeys.ChatTemplate, "llama", null, "<|im_start|>"),
    ];

    private static (string, object?)[] s_noLists =>
    [
        ("tokenizer.ggml.scores", null), ("tokenizer.ggml.token_type", null), ("tokenizer.ggml.bos_token_id", null), ("tokenizer.ggml.eos_token_id", null), ("tokenizer.ggml.unknown_token_id", null),
    ];

    /// <summary>Of a key that is accepted only: a value that is, and one that is not.</summary>
    public static (object Good, object Bad) OfAccepted(MetadataKey key) => key.AcceptedValues switch
    {
        "true" => (true, false),
        "false" => (false, true),
        "0" => (0, 2),
        "1" => (1, 2),
        "2" => (2, 1),
        "0 or 1" => (1f, 2f),
        "zeros" => (new[] { 0, 0 }, new[] { 8, 8 }),
        "an empty list" => (Array.Empty<int>(), new[] { 3 }),
        "0, or the context_length at least" => (256, 255),
        "the embedding_length" => (64, 32),
        "the rope.dimension_count" or "the width of a head of keys" or "the width of a head of values" => (16, 8),
        _ => (key.AcceptedValues, "something else"),
    };

    public static SyntheticShape Shape(string architecture) => SyntheticModelTests.Small(architecture) with { Window = architecture == "gemma2" ? 8 : null };
}
