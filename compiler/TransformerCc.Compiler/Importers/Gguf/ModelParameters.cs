using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The sizes and numbers of a model, from the keys of its architecture (GGUF specification, "LLM").</summary>
internal sealed record ModelParameters
{
    /// <summary>Beyond what any model has: sizes that multiply must not overflow, whatever a damaged file says.</summary>
    private const long MostLayers = 1024, MostWidth = 1 << 20, MostHeads = 1 << 14, MostContext = 1L << 31, MostExperts = 1 << 12;

    public required Architecture Architecture { get; init; }

    public int Layers { get; init; }

    public long Width { get; init; }

    /// <summary>Positions the model was made for.</summary>
    public long Context { get; init; }

    /// <summary>For each layer.</summary>
    public long[] Heads { get; init; } = [];

    /// <summary>For each layer.</summary>
    public long[] KeyHeads { get; init; } = [];

    /// <summary>Elements of a head of queries and keys.</summary>
    public long KeyWidth { get; init; }

    public long ValueWidth { get; init; }

    /// <summary>Width of the feed-forward part of each layer.</summary>
    public long[] Hidden { get; init; } = [];

    public double Epsilon { get; init; }

    /// <summary>0: none.</summary>
    public double ScoreCap { get; init; }

    public double LogitCap { get; init; }

    /// <summary>Factor of the scores.</summary>
    public double ScoreScale { get; init; }

    /// <summary>Keys that a layer with a window sees; 0: no layer has one.</summary>
    public long Window { get; init; }

    /// <summary>0: none.</summary>
    public long Experts { get; init; }

    /// <summary>Experts chosen for a token.</summary>
    public long ExpertsUsed { get; init; }

    /// <summary>Width of an expert.</summary>
    public long[] ExpertHidden { get; init; } = [];

    /// <summary>Width of the shared expert.</summary>
    public long SharedHidden { get; init; }

    public Pooling Pooling { get; init; }

    public required RopeParameters Rope { get; init; }

    /// <summary>Whether a layer sees only a window.</summary>
    public bool HasWindow(int layer) => Window > 0 && Architecture.Window is { } pattern && (pattern.Period == 1 || layer % pattern.Period < pattern.Period - 1);

    public static ModelParameters Read(GgufFile file, Architecture architecture, DiagnosticList diagnostics)
    {
        var keys = new ModelMetadata(file, architecture.Name, diagnostics);
        int layers = (int)keys.Size("block_count", MostLayers);
        long width = keys.Size("embedding_length", MostWidth);
        long[] heads = keys.SizePerLayer("attention.head_count", layers, MostHeads);
        long[] keyHeads = keys.Has("attention.head_count_kv") ? keys.SizePerLayer("attention.head_count_kv", layers, MostHeads) : heads;
        if (heads.Zip(keyHeads).Any(h => h.First % h.Second != 0))
        {
            keys.Refuse("attention.head_count_kv", "the heads of queries are no multiple of those of keys");
        }
        if (!keys.Has("attention.key_length") && width % heads[0] != 0)
        {
            keys.Refuse("attention.head_count", $"the width {width} is no multiple of the {heads[0]} heads");
        }
        long keyWidth = keys.Size("attention.key_length", MostWidth, long.Max(1, width / heads[0]));
        long experts = keys.Count("expert_count", MostExperts, 0);
        long used = experts == 0 ? 0 : keys.Size("expert_used_count", experts);
        if (experts > 0 ? architecture.Experts is null : architecture.NeedsExperts)
        {
            keys.Refuse("expert_count", experts > 0 ? "this architecture has no experts" : "this architecture needs experts");
        }
        // An expert's own width, where there is one; else the feed-forward width, which these architectures may leave out.
        bool hasExpertWidth = experts > 0 && keys.Has("expert_feed_forward_length");
        long[] hidden = keys.SizePerLayer("feed_forward_length", layers, MostWidth, hasExpertWidth ? 1 : null);
        bool isWide = architecture.LayersWithWidthScale > 0 && layers == architecture.LayersWithWidthScale;
        bool usesRms = architecture.Norm == Isa.Instructions.NormKind.Rms;
        return new ModelParameters
        {
            Architecture = architecture,
            Layers = layers,
            Width = width,
            Context = keys.Size("context_length", MostContext),
            Heads = heads,
            KeyHeads = keyHeads,
            KeyWidth = keyWidth,
            ValueWidth = keys.Size("attention.value_length", MostWidth, keyWidth),
            Hidden = hidden,
            Epsilon = keys.Number(usesRms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", 0),
            ScoreCap = keys.NumberOrNone("attn_logit_softcapping", architecture.ScoreCap),
            LogitCap = keys.NumberOrNone("final_logit_softcapping", architecture.LogitCap),
            ScoreScale = keys.Number("attention.scale", 0, 1 / Math.Sqrt(isWide ? width / heads[0] : keyWidth)),
            Window = architecture.Window is { } window ? keys.Count("attention.sliding_window", MostContext, window.Default) : 0,
            Experts = experts,
            ExpertsUsed = used,
            ExpertHidden = hasExpertWidth ? [.. Enumerable.Repeat(keys.Size("expert_feed_forward_length", MostWidth), layers)] : hidden,
            SharedHidden = architecture.Experts?.HasShared == true ? keys.Size("expert_shared_feed_forward_length", MostWidth, hidden[0]) : 0,
            Pooling = ReadPooling(keys),
            Rope = RopeParameters.Read(keys, keyWidth),
        };
    }

    private static Pooling ReadPooling(ModelMetadata keys)
    {
        long kind = keys.Count("pooling_type", int.MaxValue, 0);
        if (kind > (long)Pooling.Last)
        {
            keys.Refuse("pooling_type", $"type {kind} is not supported", "0 (none), 1 (mean), 2 (cls) and 3 (last) are");
        }
        return (Pooling)kind;
    }
}
