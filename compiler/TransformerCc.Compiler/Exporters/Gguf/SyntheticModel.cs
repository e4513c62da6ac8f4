using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Exporters.Gguf;

/// <summary>
/// A GGUF model of any architecture and shape with seeded random weights. Its tensors are those that the importer asks for, so
/// that what is written is what is read.
/// </summary>
public static class SyntheticModel
{
    /// <param name="shapeOnly">Matrices are holes: nothing of their size is made or written. Vectors keep their numbers: frequencies divide by some.</param>
    /// <exception cref="DiagnosticException">The shape is none of a model.</exception>
    public static GgufWriter Create(SyntheticShape shape, bool shapeOnly = false)
    {
        Architecture architecture = Architectures.Find(shape.Architecture)
            ?? throw Refuse($"the architecture '{shape.Architecture}' is not known", $"known are {string.Join(", ", Architectures.All.Select(a => a.Name))}");
        GgufTensorType type = GgufTensorType.Of(shape.Type) is { } t && (t.Plain is null || Isa.Tensors.ElementTypes.IsFloat(t.Plain.Value)) ? t
            : throw Refuse($"the type '{shape.Type}' is not known", $"known are {string.Join(", ", GgufTensorType.All.Where(k => k.Plain is null || Isa.Tensors.ElementTypes.IsFloat(k.Plain.Value)).Select(k => k.Name))}");
        bool isWordPiece = architecture.IsBidirectional;
        if (shape.Vocabulary < SyntheticTokenizer.Smallest(isWordPiece) || shape.Vocabulary > SyntheticTokenizer.Largest)
        {
            throw Refuse($"a vocabulary of {shape.Vocabulary} tokens: its tokenizer has {SyntheticTokenizer.Smallest(isWordPiece)} to {SyntheticTokenizer.Largest}");
        }
        var writer = new GgufWriter();
        AddKeys(writer, shape, architecture);
        SyntheticTokenizer.AddTo(writer, shape.Vocabulary, isWordPiece);
        var metadata = new Dictionary<string, GgufValue>(StringComparer.Ordinal);
        foreach ((string key, GgufValue value) in writer.Scalars())
        {
            metadata[key] = value;
        }
        var file = new GgufFile("synth", 3, metadata, new Dictionary<string, GgufTensor>());
        var pools = new Dictionary<(string Type, double Deviation), RandomRows>();
        ulong seed = shape.Seed;
        IReadOnlyList<(string Name, long[] Shape)> tensors = ModelTensors.Of(file, architecture, shape.Vocabulary, shape.With);
        if (shape.With.FirstOrDefault(w => !tensors.Any(t => t.Name == w || t.Name.EndsWith("." + w, StringComparison.Ordinal))) is { } unknown)
        {
            throw Refuse($"{architecture.Name} has no tensor whose name ends in '{unknown}'", "optional tensors are, for example, output.weight and attn_q.bias");
        }
        foreach ((string name, long[] size) in tensors)
        {
            AddTensor(writer, name, size, type, shapeOnly ? null : pools, ++seed * 0x9E3779B97F4A7C15);
        }
        return writer;
    }

    private static void AddKeys(GgufWriter writer, SyntheticShape shape, Architecture architecture)
    {
        string a = architecture.Name;
        long keyHeads = shape.KeyHeads ?? shape.Heads, headWidth = shape.HeadWidth ?? long.Max(1, shape.Width / long.Max(1, shape.Heads));
        writer.Add("general.architecture", a).Add("general.name", "synthetic")
            .Add($"{a}.context_length", Count(shape.Context)).Add($"{a}.embedding_length", Count(shape.Width)).Add($"{a}.block_count", Count(shape.Layers))
            .Add($"{a}.feed_forward_length", Count(shape.Hidden)).Add($"{a}.vocab_size", Count(shape.Vocabulary))
            .Add($"{a}.attention.head_count", Count(shape.Heads)).Add($"{a}.attention.head_count_kv", Count(keyHeads))
            .Add(architecture.Norm == NormKind.Rms ? $"{a}.attention.layer_norm_rms_epsilon" : $"{a}.attention.layer_norm_epsilon", 1e-5f);
        if (headWidth * shape.Heads != shape.Width)
        {
            writer.Add($"{a}.attention.key_length", Count(headWidth)).Add($"{a}.attention.value_length", Count(headWidth));
        }
        if (architecture.Rope is not null)
        {
            writer.Add($"{a}.rope.dimension_count", Count(shape.RopeDimensions ?? headWidth)).Add($"{a}.rope.freq_base", shape.RopeBase);
        }
        if (shape.Window is { } window)
        {
            _ = architecture.Window ?? throw Refuse($"the architecture {a} has no layers with a window", "leave the window out");
            writer.Add($"{a}.attention.sliding_window", Count(window));
        }
        if (architecture.ScoreCap > 0)
        {
            writer.Add($"{a}.attn_logit_softcapping", (float)architecture.ScoreCap).Add($"{a}.final_logit_softcapping", (float)architecture.LogitCap);
        }
        if (shape.Experts > 0)
        {
            writer.Add($"{a}.expert_count", Count(shape.Experts)).Add($"{a}.expert_used_count", Count(shape.ExpertsUsed)).Add($"{a}.expert_feed_forward_length", Count(shape.Hidden));
            if (architecture.Experts?.HasShared == true)
            {
                writer.Add($"{a}.expert_shared_feed_forward_length", Count(shape.Hidden));
            }
        }
        if (architecture.HasTokenTypes)
        {
            writer.Add("tokenizer.ggml.token_type_count", (uint)Architecture.TokenTypes);
        }
        if (architecture.IsBidirectional)
        {
            writer.Add($"{a}.attention.causal", false).Add($"{a}.pooling_type", (uint)Pooling.Mean);
        }
    }

    private static void AddTensor(GgufWriter writer, string name, long[] size, GgufTensorType wanted, Dictionary<(string, double), RandomRows>? pools, ulong seed)
    {
        long columns = size[^1], rows = size.SkipLast(1).Aggregate(1L, (n, d) => checked(n * d));
        bool isNorm = name.EndsWith("norm.weight", StringComparison.Ordinal) || name.EndsWith("norm_2.weight", StringComparison.Ordinal);
        if (size.Length == 1 || isNorm || name.StartsWith("rope_", StringComparison.Ordinal))
        {
            // Norms near 1, divisors of frequencies from 1 to 8, biases near 0.
            (double center, double spread) = isNorm ? (1.0, 0.1) : name.StartsWith("rope_", StringComparison.Ordinal) ? (4.5, 2.0) : (0.0, 0.02);
            writer.AddTensor(name, GgufTensorType.F32, size, stream => new SplitMix(seed).Write(stream, rows * columns, center, spread));
            return;
        }
        bool isSmallTable = name.Contains("ffn_gate_inp", StringComparison.Ordinal) || name is "position_embd.weight" or "token_types.weight";
        GgufTensorType type = isSmallTable ? GgufTensorType.F32
            : columns % wanted.BlockLength == 0 ? wanted : GgufTensorType.Of(columns % 32 == 0 ? "q8_0" : "f16")!;
        if (pools is null)
        {
            writer.AddHole(name, type, size);
            return;
        }
        double deviation = name.StartsWith("token", StringComparison.Ordinal) || name.StartsWith("position", StringComparison.Ordinal) ? 0.5 : 1 / Math.Sqrt(columns);
        if (!pools.TryGetValue((type.Name, deviation), out RandomRows? pool))
        {
            pools[(type.Name, deviation)] = pool = new RandomRows(type, deviation, seed);
        }
        writer.AddTensor(name, type, size, stream => pool.Write(stream, rows, columns, seed));
    }

    private static uint Count(long value) => value is >= 0 and <= uint.MaxValue ? (uint)value : throw Refuse($"{value} is no size");

    private static DiagnosticException Refuse(string message, string? help = null) => new(Diagnostic.Error(GgufCodes.Option, message, help: help), FailureKind.Usage);
}
