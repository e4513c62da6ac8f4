namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>The sizes of a synthetic model.</summary>
public sealed record SyntheticShape(string Architecture)
{
    public long Layers { get; init; } = 2;

    public long Width { get; init; } = 128;

    public long Heads { get; init; } = 4;

    /// <summary>Null: as many as heads.</summary>
    public long? KeyHeads { get; init; }

    /// <summary>Null: width / heads.</summary>
    public long? HeadWidth { get; init; }

    /// <summary>Elements of a head that are rotated; null: all.</summary>
    public long? RopeDimensions { get; init; }

    public float RopeBase { get; init; } = 10_000;

    public long Hidden { get; init; } = 256;

    public long Vocabulary { get; init; } = 512;

    public long Context { get; init; } = 256;

    /// <summary>Keys that layers with a window see; null: the file does not say.</summary>
    public long? Window { get; init; }

    /// <summary>0: none.</summary>
    public long Experts { get; init; }

    public long ExpertsUsed { get; init; } = 2;

    /// <summary>The type of matrices; vectors and routers are f32, and rows that are no multiple of its blocks are q8_0 or f16.</summary>
    public string Type { get; init; } = "f16";

    /// <summary>Ends of the names of optional tensors that the model has: output.weight (a matrix of its own), rope_freqs.weight, attn_qkv.weight, attn_q.bias, …</summary>
    public IReadOnlyList<string> With { get; init; } = [];

    public ulong Seed { get; init; } = 1;
}
