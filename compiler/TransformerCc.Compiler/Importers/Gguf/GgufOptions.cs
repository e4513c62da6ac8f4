using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>How the vectors of a text's tokens become its embedding (the numbers are those of {arch}.pooling_type).</summary>
public enum Pooling
{
    /// <summary>Not at all: one vector for each token.</summary>
    None = 0,
    Mean = 1,
    /// <summary>The first token's vector.</summary>
    Cls = 2,
    /// <summary>The last token's vector.</summary>
    Last = 3,
}

/// <summary>What the user adds to a GGUF model.</summary>
public sealed record GgufOptions
{
    /// <summary>Positions of a sequence, at most, when neither the user nor the model asks for fewer.</summary>
    public const long DefaultContext = 4096;

    /// <summary>Sequences that run together, at most, when the user does not say.</summary>
    public const long DefaultBatch = 64;

    /// <summary>Positions of a sequence, at most (`--context`).</summary>
    public long? Context { get; init; }

    /// <summary>Sequences that run together, at most (`--batch`).</summary>
    public long? Batch { get; init; }

    /// <summary>Logits of every position, not only of each sequence's last (`--all-logits`).</summary>
    public bool AllLogits { get; init; }

    /// <summary>An embedding in place of logits, pooled so; null: what the file says (`--pooling`).</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>The element type of the caches of keys and values; null: f32 where the precision is, else bf16.</summary>
    public ElementType? Cache { get; init; }

    /// <summary>Keys that are left unread although they are not known, or have a value that is not supported (`--accept-unknown`).</summary>
    public IReadOnlyCollection<string> AcceptUnknownKeys { get; init; } = [];
}
