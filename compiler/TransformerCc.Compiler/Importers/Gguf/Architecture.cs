using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>Where the norms of a layer stand.</summary>
public enum NormPlacement
{
    /// <summary>Before attention and before the feed-forward part (GPT-2, llama).</summary>
    Before,

    /// <summary>Before, and again on the result ahead of the residual sum (Gemma 2).</summary>
    Around,

    /// <summary>After each residual sum (BERT).</summary>
    After,
}

/// <summary>The feed-forward part of a layer.</summary>
public enum FeedForward
{
    /// <summary>down(f(up(x))).</summary>
    Plain,

    /// <summary>down(f(gate(x)) · up(x)).</summary>
    Gated,

    /// <summary>The same with one matrix ffn_up of the gate's rows, then those of up (Phi-3).</summary>
    GatedInOne,
}

/// <summary>Normalisation of each head of queries and keys ahead of the rotation.</summary>
public enum HeadNorm
{
    None,

    /// <summary>RMS with one weight of the width of a head.</summary>
    Rms,

    /// <summary>LayerNorm without a shift and with a weight of its own for each head, where the file has them (StableLM 2 12B).</summary>
    LayerPerHeadIfPresent,
}

/// <summary>How queries and keys attend within a window.</summary>
/// <param name="Default">The window when the file has no {arch}.attention.sliding_window; 0: no window then.</param>
/// <param name="Period">Of so many layers the last sees everything, the others the window; 1: none has it, 0: all have it.</param>
/// <param name="LocalRope">The rotation in layers with a window; null: as elsewhere, whatever the file says.</param>
public sealed record WindowPattern(long Default, int Period, LocalRope? LocalRope = null);

/// <summary>The rotation in layers with a window.</summary>
/// <param name="Base">Its base when the file has no {arch}.rope.freq_base_swa; null: that of the other layers.</param>
/// <param name="IsScaled">Whether its positions are scaled as those of the other layers are.</param>
public sealed record LocalRope(double? Base, bool IsScaled);

/// <summary>Routing of a mixture of experts.</summary>
/// <param name="NormalizesWeights">Whether the weights of the chosen experts are made to sum to 1 when the file does not say.</param>
/// <param name="HasShared">Whether an expert for every token, gated by a sigmoid, is added.</param>
/// <param name="SharesWidth">Whether the chosen experts share the feed-forward width when the file does not give theirs; else each has it.</param>
public sealed record ExpertRouting(bool NormalizesWeights, bool HasShared = false, bool SharesWidth = false);

/// <summary>
/// What distinguishes one architecture from another; everything else is the same for all (one builder makes the graph).
/// Facts from the GGUF specification, the converter and the model definitions of llama.cpp (github.com/ggml-org/llama.cpp).
/// </summary>
/// <param name="Name">The value of general.architecture.</param>
public sealed record Architecture(string Name)
{
    public NormKind Norm { get; init; } = NormKind.Rms;

    public NormPlacement Placement { get; init; } = NormPlacement.Before;

    /// <summary>Null: positions are not rotated.</summary>
    public RopeKind? Rope { get; init; }

    /// <summary>Whether learned vectors of positions are added to the embeddings (position_embd).</summary>
    public bool HasPositionTable { get; init; }

    /// <summary>Whether a vector of the token's type, always type 0, is added to the embeddings (token_types).</summary>
    public bool HasTokenTypes { get; init; }

    /// <summary>Types of tokens where a file has no table of them: first and second sentence.</summary>
    public const int TokenTypes = 2;

    /// <summary>Whether embeddings are normalised (token_embd_norm); the end of the model then is not.</summary>
    public bool NormalizesEmbeddings { get; init; }

    /// <summary>Whether embeddings are multiplied by the root of their width.</summary>
    public bool ScalesEmbeddings { get; init; }

    /// <summary>Whether every token sees every other: an encoder, without a cache.</summary>
    public bool IsBidirectional { get; init; }

    /// <summary>Whether converters of this architecture write queries, keys and values as one matrix; readers take either form.</summary>
    public bool FusesQkv { get; init; }

    /// <summary>Matrices of a layer that must have a bias; a bias that the file has is used in any case, and LayerNorms always have one.</summary>
    public IReadOnlyList<string> Biases { get; init; } = [];

    public HeadNorm HeadNorm { get; init; }

    public UnaryOp Activation { get; init; } = UnaryOp.Silu;

    public FeedForward FeedForward { get; init; } = FeedForward.Gated;

    /// <summary>Attention and the feed-forward part read the same normalised input and are added at once; null: where the file has no ffn_norm.</summary>
    public bool? IsParallel { get; init; } = false;

    /// <summary>Whether there is an output matrix of its own; null: the embeddings where the file has none.</summary>
    public bool? HasOutput { get; init; }

    public bool HasOutputBias { get; init; }

    /// <summary>Cap of the scores (attn_logit_softcapping) when the file does not say; 0: none.</summary>
    public double ScoreCap { get; init; }

    /// <summary>Cap of the logits (final_logit_softcapping) when the file does not say; 0: none.</summary>
    public double LogitCap { get; init; }

    /// <summary>Null: every layer sees everything.</summary>
    public WindowPattern? Window { get; init; }

    /// <summary>
    /// Layers of the one size of this architecture whose scores are scaled by the root of width / heads, not of the width of a
    /// head (the 27 B models of Gemma); 0: none is.
    /// </summary>
    public int LayersWithWidthScale { get; init; }

    /// <summary>How experts are chosen where the file has them; null: the architecture has none.</summary>
    public ExpertRouting? Experts { get; init; }

    /// <summary>Whether every model of the architecture has experts.</summary>
    public bool NeedsExperts { get; init; }
}
