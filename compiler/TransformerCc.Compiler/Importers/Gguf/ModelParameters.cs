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

    /// <summary>Factor of the experts' weights; 0: none.</summary>
    public double ExpertScale { get; init; }

    /// <summary>Whether the weights of the chosen experts are made to sum to 1.</summary>
    public bool NormalizesExperts { get; init; }

    /// <summary>Width of the shared expert.</summary>
    public long SharedHidden { get; init; }

    public Pooling Pooling { get; init; }

    /// <summary>Null: positions are not rotated.</summary>
    public RopeParameters? Rope { get; init; }

    /// <summary>The layers that see a window only, where there is one.</summary>
    public bool[] Windowed { get; init; } = [];

    /// <summary>Whether a layer sees only a window.</summary>
    public bool HasWindow(int layer) => Window > 0 && Windowed[layer];

    public static ModelParameters Read(GgufFile file, Architecture architecture, DiagnosticList diagnostics) => Read(new ModelMetadata(file, architecture, diagnostics), architecture);

    public static ModelParameters Read(ModelMetadata keys, Architecture architecture)
    {
        int layers = (int)keys.Size(ModelKeys.Layers, MostLayers);
        long width = keys.Size(ModelKeys.Width, MostWidth);
        long[] heads = keys.SizePerLayer(ModelKeys.Heads, layers, MostHeads);
        long[] keyHeads = keys.Has(ModelKeys.KeyHeads) ? keys.SizePerLayer(ModelKeys.KeyHeads, layers, MostHeads) : heads;
        if (heads.Zip(keyHeads).Any(h => h.First % h.Second != 0))
        {
            keys.Refuse(ModelKeys.KeyHeads, "the heads of queries are no multiple of those of keys");
        }
        if (!keys.Has(ModelKeys.KeyWidth) && width % heads[0] != 0)
        {
            keys.Refuse(ModelKeys.Heads, $"the width {width} is no multiple of the {heads[0]} heads");
        }
        long keyWidth = keys.Size(ModelKeys.KeyWidth, MostWidth, long.Max(1, width / heads[0]));
        long experts = keys.Count(ModelKeys.Experts, MostExperts, 0);
        long used = architecture.Experts is null ? 0 : experts == 0 ? keys.Count(ModelKeys.ExpertsUsed, 0, 0) : keys.Size(ModelKeys.ExpertsUsed, experts);
        if (experts > 0 ? architecture.Experts is null : architecture.NeedsExperts)
        {
            keys.Refuse(ModelKeys.Experts, experts > 0 ? "this architecture has no experts" : "this architecture needs experts");
        }
        // An expert's own width, where there is one; else the feed-forward width, which these architectures may leave out.
        bool hasExpertWidth = architecture.Experts is not null && keys.Has(ModelKeys.ExpertHidden) && experts > 0;
        long[] hidden = keys.SizePerLayer(ModelKeys.Hidden, layers, MostWidth, hasExpertWidth ? 1 : null);
        bool isWide = architecture.LayersWithWidthScale > 0 && layers == architecture.LayersWithWidthScale;
        bool usesRms = architecture.Norm == Isa.Instructions.NormKind.Rms;
        return new ModelParameters
        {
            Architecture = architecture,
            Layers = layers,
            Width = width,
            Context = keys.Size(ModelKeys.Context, MostContext),
            Heads = heads,
            KeyHeads = keyHeads,
            KeyWidth = keyWidth,
            ValueWidth = keys.Size(ModelKeys.ValueWidth, MostWidth, keyWidth),
            Hidden = hidden,
            Epsilon = keys.Number(usesRms ? ModelKeys.RmsEpsilon : ModelKeys.LayerEpsilon, 0),
            ScoreCap = keys.NumberOrNone(ModelKeys.ScoreCap, architecture.ScoreCap),
            LogitCap = architecture.IsBidirectional ? 0 : keys.NumberOrNone(ModelKeys.LogitCap, architecture.LogitCap),
            ScoreScale = keys.NumberOrNone(ModelKeys.ScoreScale, 0) is var scale && scale > 0 ? scale : 1 / Math.Sqrt(isWide ? width / heads[0] : keyWidth),
            Window = architecture.Window is { } window ? keys.Count(ModelKeys.Window, MostContext, window.Default) : 0,
            Windowed = ReadWindowed(keys, architecture, layers),
            Experts = experts,
            ExpertsUsed = used,
            ExpertHidden = hasExpertWidth ? [.. Enumerable.Repeat(keys.Size(ModelKeys.ExpertHidden, MostWidth), layers)]
                : architecture.Experts?.SharesWidth == true ? [.. hidden.Select(h => long.Max(1, h / long.Max(1, used)))] : hidden,
            ExpertScale = architecture.Experts is null ? 0 : keys.NumberOrNone(ModelKeys.ExpertScale, 0),
            NormalizesExperts = architecture.Experts is { } routing && (keys.Flag(ModelKeys.ExpertNorm) ?? routing.NormalizesWeights),
            SharedHidden = architecture.Experts?.HasShared == true ? keys.Size(ModelKeys.SharedHidden, MostWidth, hidden[0]) : 0,
            Pooling = ReadPooling(keys),
            Rope = architecture.Rope is null ? null : RopeParameters.Read(keys, architecture, keyWidth),
        };
    }

    /// <summary>The layers with a window: of a period n all but every n-th (llama.cpp, src/llama-hparams.cpp, set_swa_pattern).</summary>
    private static bool[] ReadWindowed(ModelMetadata keys, Architecture architecture, int layers)
    {
        if (architecture.Window is null)
        {
            return new bool[layers];
        }
        if (keys.FlagPerLayer(ModelKeys.WindowPattern, layers) is { } flags)
        {
            return flags;
        }
        long period = keys.Count(ModelKeys.WindowPattern, int.MaxValue, architecture.Window.Period);
        return [.. Enumerable.Range(0, layers).Select(i => period == 0 || i % period < period - 1)];
    }

    private static Pooling ReadPooling(ModelMetadata keys)
    {
        long kind = keys.Count(ModelKeys.Pooling, int.MaxValue, 0);
        if (kind > (long)Pooling.Last)
        {
            keys.Refuse(ModelKeys.Pooling, $"type {kind} is not supported", "0 (none), 1 (mean), 2 (cls) and 3 (last) are");
        }
        return (Pooling)kind;
    }
}
