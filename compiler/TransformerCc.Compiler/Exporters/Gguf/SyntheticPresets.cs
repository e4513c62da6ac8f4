using System.Collections.Frozen;

namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>Shapes of published models, from their model cards.</summary>
public static class SyntheticPresets
{
    public static FrozenDictionary<string, SyntheticShape> All { get; } = new Dictionary<string, SyntheticShape>
    {
        ["tinyllama"] = new("llama") { Layers = 22, Width = 2048, Heads = 32, KeyHeads = 4, Hidden = 5632, Vocabulary = 32_000, Context = 2048, With = ["output.weight"], Type = "q4_k" },
        ["llama-1b"] = new("llama") { Layers = 16, Width = 2048, Heads = 32, KeyHeads = 8, Hidden = 8192, Vocabulary = 128_256, Context = 131_072, RopeBase = 500_000, With = ["rope_freqs.weight"], Type = "q4_k" },
        ["llama-8b"] = new("llama") { Layers = 32, Width = 4096, Heads = 32, KeyHeads = 8, Hidden = 14_336, Vocabulary = 128_256, Context = 131_072, RopeBase = 500_000, With = ["rope_freqs.weight", "output.weight"], Type = "q4_k" },
        ["llama-70b"] = new("llama") { Layers = 80, Width = 8192, Heads = 64, KeyHeads = 8, Hidden = 28_672, Vocabulary = 128_256, Context = 131_072, RopeBase = 500_000, With = ["rope_freqs.weight", "output.weight"], Type = "q4_k" },
        ["mixtral-8x7b"] = new("llama") { Layers = 32, Width = 4096, Heads = 32, KeyHeads = 8, Hidden = 14_336, Vocabulary = 32_000, Context = 32_768, RopeBase = 1_000_000, Experts = 8, ExpertsUsed = 2, With = ["output.weight"], Type = "q4_k" },
        ["qwen2-1.5b"] = new("qwen2") { Layers = 28, Width = 1536, Heads = 12, KeyHeads = 2, Hidden = 8960, Vocabulary = 151_936, Context = 32_768, RopeBase = 1_000_000, Type = "q4_k" },
        ["gpt2-124m"] = new("gpt2") { Layers = 12, Width = 768, Heads = 12, Hidden = 3072, Vocabulary = 50_257, Context = 1024 },
        ["bert-base"] = new("bert") { Layers = 12, Width = 768, Heads = 12, Hidden = 3072, Vocabulary = 30_522, Context = 512 },
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
