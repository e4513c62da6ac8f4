using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The architectures that are read. A new one is one entry, as long as its peculiarities are among those of <see cref="Architecture"/>.</summary>
public static class Architectures
{
    public static IReadOnlyList<Architecture> All { get; } =
    [
        // Llama 1 to 3, Mistral, Mixtral, and what their converters call llama. Rows of queries and keys are permuted for pairs
        // of neighbours when the file is made.
        new("llama") { Rope = RopeKind.Interleaved, Experts = new(NormalizesWeights: true) },
        new("qwen2") { Rope = RopeKind.Half, Biases = ["attn_q", "attn_k", "attn_v"] },
        new("qwen2moe") { Rope = RopeKind.Half, Biases = ["attn_q", "attn_k", "attn_v"], Experts = new(NormalizesWeights: false, HasShared: true, SharesWidth: true), NeedsExperts = true, HasOutput = true },
        new("qwen3") { Rope = RopeKind.Half, HeadNorm = HeadNorm.Rms },
        new("qwen3moe") { Rope = RopeKind.Half, HeadNorm = HeadNorm.Rms, Experts = new(NormalizesWeights: true, SharesWidth: true), NeedsExperts = true },
        // The weights of Gemma's norms hold 1 + w already.
        new("gemma") { Rope = RopeKind.Half, ScalesEmbeddings = true, Activation = UnaryOp.GeluTanh, HasOutput = false },
        new("gemma2")
        {
            Rope = RopeKind.Half, ScalesEmbeddings = true, Activation = UnaryOp.GeluTanh, HasOutput = false, Placement = NormPlacement.Around,
            ScoreCap = 50, LogitCap = 30, Window = new(Default: 4096, Period: 2, new LocalRope(Base: null, IsScaled: true)), LayersWithWidthScale = 46,
        },
        new("gemma3")
        {
            Rope = RopeKind.Half, ScalesEmbeddings = true, Activation = UnaryOp.GeluTanh, Placement = NormPlacement.Around,
            HeadNorm = HeadNorm.Rms, Window = new(Default: 0, Period: 6, new LocalRope(Base: 10_000, IsScaled: false)), LayersWithWidthScale = 62,
        },
        new("phi2")
        {
            Norm = NormKind.Layer, Rope = RopeKind.Half, IsParallel = true, FusesQkv = true, Activation = UnaryOp.GeluTanh, FeedForward = FeedForward.Plain,
            Biases = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"], HasOutput = true, HasOutputBias = true,
        },
        // The file's window is that of the published models (llama.cpp, src/models/phi3.cpp, leaves it out and warns of it).
        new("phi3") { Rope = RopeKind.Half, FusesQkv = true, FeedForward = FeedForward.GatedInOne, Window = new(Default: 0, Period: 0) },
        new("gpt2")
        {
            Norm = NormKind.Layer, HasPositionTable = true, FusesQkv = true, Activation = UnaryOp.GeluTanh, FeedForward = FeedForward.Plain,
            Biases = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"],
        },
        new("falcon")
        {
            Norm = NormKind.Layer, Rope = RopeKind.Half, IsParallel = true, FusesQkv = true, Activation = UnaryOp.GeluTanh, FeedForward = FeedForward.Plain,
        },
        new("stablelm")
        {
            Norm = NormKind.Layer, Rope = RopeKind.Half, IsParallel = null, HeadNorm = HeadNorm.LayerPerHeadIfPresent, HasOutput = true,
        },
        new("starcoder2")
        {
            Norm = NormKind.Layer, Rope = RopeKind.Half, Activation = UnaryOp.GeluTanh, FeedForward = FeedForward.Plain,
            Biases = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"],
        },
        new("bert")
        {
            Norm = NormKind.Layer, Placement = NormPlacement.After, IsBidirectional = true, HasPositionTable = true, HasTokenTypes = true, NormalizesEmbeddings = true,
            Activation = UnaryOp.GeluTanh, FeedForward = FeedForward.Plain, HasOutput = false,
            Biases = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"],
        },
        new("nomic-bert")
        {
            Norm = NormKind.Layer, Placement = NormPlacement.After, IsBidirectional = true, Rope = RopeKind.Half, HasTokenTypes = true, NormalizesEmbeddings = true,
            FusesQkv = true, HasOutput = false,
        },
    ];

    /// <summary>The architecture with a name; null when it is not known.</summary>
    public static Architecture? Find(string name) => All.FirstOrDefault(a => a.Name == name);
}
