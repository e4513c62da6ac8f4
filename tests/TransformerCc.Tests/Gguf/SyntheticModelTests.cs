using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>Models of our own making: whatever can be written can be read, and what a file lacks or has too much is named.</summary>
public sealed class SyntheticModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> ArchitectureNames { get; } = [.. Architectures.All.Select(a => a.Name)];

    public static TheoryData<string> TypeNames { get; } = [.. GgufTensorType.All.Where(t => t.Plain is null || t.Plain.Value.IsFloat()).Select(t => t.Name)];

    internal static SyntheticShape Small(string architecture) => new(architecture)
    {
        Width = 64,
        Hidden = 96,
        KeyHeads = architecture is "gpt2" or "bert" or "nomic-bert" or "phi2" ? null : 2,
        Experts = Architectures.Find(architecture)!.NeedsExperts ? 4 : 0,
        Type = "f32",
    };

    private GgufFile Write(GgufWriter writer)
    {
        string path = Path.Combine(_folder.FullName, "model.gguf");
        writer.WriteFile(path);
        return GgufFile.Open(path);
    }

    private static Graph Import(GgufFile file, GgufOptions? options = null, DiagnosticList? diagnostics = null) =>
        GgufImporter.Import(file, options ?? new GgufOptions(), new Dictionary<string, DimensionLimit>(), diagnostics ?? []).Graph;

    [Theory]
    [MemberData(nameof(ArchitectureNames))]
    public void Every_architecture_is_written_read_and_evaluated(string architecture)
    {
        GgufFile file = Write(SyntheticModel.Create(Small(architecture)));
        Graph graph = Import(file);
        Assert.Empty(GraphVerifier.Verify(graph));
        bool embeds = Architectures.Find(architecture)!.IsBidirectional;
        Assert.Equal(embeds ? ["embedding"] : ["logits", "next_token"], graph.Outputs.Select(o => o.Name));
        IReadOnlyDictionary<string, Tensor> outputs = GraphEvaluator.Evaluate(graph, Tokens([[1, 70, 71], [1, 80, 81]]));
        Tensor result = outputs[graph.Outputs[0].Name];
        Assert.Equal([2, embeds ? 64 : 512], result.Shape.ToArray());
        Assert.All(TensorMath.Doubles(result), v => Assert.True(double.IsFinite(v)));
        if (!embeds)
        {
            double[] logits = TensorMath.Doubles(result);
            Assert.Equal([.. Enumerable.Range(0, 2).Select(row => (long)OutputComparison.IndexOfMax(logits.AsSpan(row * 512, 512)))], outputs["next_token"].AsSpan<long>().ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Random_weights_of_every_type_have_the_deviation_asked_for(string type)
    {
        GgufTensor tensor = Write(SyntheticModel.Create(new SyntheticShape("llama") { Layers = 1, Width = 256, Hidden = 256, Type = type })).Tensors["blk.0.ffn_up.weight"];
        Assert.Equal(type, tensor.Type.Name);
        var values = new float[tensor.Count];
        if (tensor.Type.Blocks is { } blocks)
        {
            blocks.Decode(tensor.ToTensor().Data.Span, values);
        }
        else
        {
            values = [.. TensorMath.Doubles(tensor.ToTensor()).Select(v => (float)v)];
        }
        double deviation = Math.Sqrt(values.Average(v => (double)v * v)), mean = values.Average(v => (double)v);
        Assert.InRange(deviation, 0.5 / 16, 2.0 / 16);
        Assert.InRange(mean, -0.3 / 16, 0.3 / 16);
    }

    [Fact]
    public void Shape_only_has_the_same_tensors_and_no_two_are_alike()
    {
        SyntheticShape shape = Small("llama") with { With = ["rope_freqs.weight"] };
        GgufFile full = GgufFile.Open(SaveAs("full.gguf", SyntheticModel.Create(shape))), hollow = GgufFile.Open(SaveAs("hollow.gguf", SyntheticModel.Create(shape, shapeOnly: true)));
        Assert.Equal(full.Tensors.Select(t => (t.Key, t.Value.Type.Name, string.Join('x', t.Value.Shape), t.Value.Data.Length)), hollow.Tensors.Select(t => (t.Key, t.Value.Type.Name, string.Join('x', t.Value.Shape), t.Value.Data.Length)));
        Assert.Equal(Parts(Import(full)), Parts(Import(hollow)));
        // Vectors keep their numbers: frequencies are divided by some.
        Assert.Equal(full.Tensors["rope_freqs.weight"].ToTensor().Data.ToArray(), hollow.Tensors["rope_freqs.weight"].ToTensor().Data.ToArray());
        Assert.Equal(hollow.Tensors.Count, hollow.Tensors.Values.DistinctBy(t => Convert.ToHexString(t.ToTensor().Data.Span)).Count());

        static string[] Parts(Graph graph) => [.. GraphPipeline.Run(graph, new PassContext()).Nodes.Select(n => $"{n.Op.Name} {n.Output.Type}")];
        string SaveAs(string name, GgufWriter writer)
        {
            string path = Path.Combine(_folder.FullName, name);
            writer.WriteFile(path);
            return path;
        }
    }

    [Fact]
    public void Sizes_of_no_model_are_refused()
    {
        foreach (SyntheticShape shape in (SyntheticShape[])[Small("llama") with { Vocabulary = 10 }, Small("llama") with { Vocabulary = 1L << 31 }, Small("llama") with { Hidden = 1L << 40 }, Small("llama") with { Width = -1 }, Small("llama") with { Window = 8 }])
        {
            Assert.Equal(GgufCodes.Option, Assert.Throws<DiagnosticException>(() => SyntheticModel.Create(shape)).Diagnostics[0].Code);
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_file()
    {
        byte[] Bytes(ulong seed) => SyntheticModel.Create(Small("qwen3moe") with { Seed = seed }).ToBytes();
        Assert.Equal(Bytes(3), Bytes(3));
        Assert.NotEqual(Bytes(3), Bytes(4));
    }

    [Fact]
    public void What_a_file_lacks_or_has_too_much_is_one_diagnostic()
    {
        GgufFile whole = Write(SyntheticModel.Create(Small("llama")));
        Dictionary<string, GgufTensor> tensors = whole.Tensors.ToDictionary();
        GgufTensor norm = tensors["output_norm.weight"];
        tensors.Remove("blk.0.attn_k.weight");
        tensors["blk.1.ffn_norm.weight"] = norm with { Shape = [32], Data = norm.Data.Slice(0, 128) };
        tensors["extra.weight"] = norm;
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => Import(whole with { Tensors = tensors })).Diagnostics);
        Assert.Equal(GgufCodes.Tensors, error.Code);
        Assert.Contains("blk.0.attn_k.weight [32, 64] is missing", error.Message, StringComparison.Ordinal);
        Assert.Contains("blk.1.ffn_norm.weight is [32], needed is [64]", error.Message, StringComparison.Ordinal);
        Assert.Contains("extra.weight is not expected", error.Message, StringComparison.Ordinal);
        Assert.Contains("known architectures: llama, qwen2", error.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_architecture_is_described_by_its_tensors()
    {
        GgufFile file = Write(new GgufWriter().Add("general.architecture", "rwkv6").AddTensor("blk.0.time_mix.weight", [2], [1, 2]).AddTensor("blk.1.time_mix.weight", [2], [1, 2]));
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => Import(file)).Diagnostics);
        Assert.Contains("'rwkv6' is not known; its tensors are blk.*.time_mix.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("known architectures: llama", error.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_faulty_key_is_reported()
    {
        GgufFile file = Write(new GgufWriter().Add("general.architecture", "llama").Add("llama.block_count", 0u).Add("llama.embedding_length", "wide").Add("llama.context_length", 16u)
            .Add("llama.attention.layer_norm_rms_epsilon", float.NaN).Add<int>("llama.attention.head_count", [-1]).Add("llama.rope.scaling.type", "spiral").AddTensor("token_embd.weight", [2], [1, 2]));
        string[] messages = [.. Assert.Throws<DiagnosticException>(() => Import(file)).Diagnostics.Select(d => d.Message)];
        foreach (string key in (string[])["block_count", "embedding_length", "layer_norm_rms_epsilon", "head_count", "rope.scaling.type", "feed_forward_length"])
        {
            Assert.Contains(messages, m => m.Contains(key, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_context_is_bounded_and_said()
    {
        var diagnostics = new DiagnosticList();
        Graph graph = Import(Write(SyntheticModel.Create(Small("llama") with { Context = 100_000 })), null, diagnostics);
        Assert.Equal(4096, graph.Dimensions["context"].Upper);
        Assert.Contains("at most 4096 positions (default; the model's is 100000)", Assert.Single(diagnostics).Message, StringComparison.Ordinal);
        Assert.Equal(50, Import(Write(SyntheticModel.Create(Small("llama"))), new GgufOptions { Context = 50 }).Dimensions["length"].Upper);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => Import(Write(SyntheticModel.Create(Small("gpt2"))), new GgufOptions { Context = 257 }));
        Assert.Contains("use --context 256", e.Diagnostics[0].Help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Pooling.None)]
    [InlineData(Pooling.Mean)]
    [InlineData(Pooling.Cls)]
    [InlineData(Pooling.Last)]
    public void Shorter_rows_of_a_batch_are_pooled_as_if_alone(Pooling pooling)
    {
        Graph graph = Import(Write(SyntheticModel.Create(Small("bert"))), new GgufOptions { Pooling = pooling });
        Dictionary<string, Tensor> inputs = Tokens([[2, 70, 71, 3], [2, 80, 3, 99]]);
        inputs["lengths"] = Tensor.From<long>(ElementType.I64, [2], [4, 3]);
        double[] both = TensorMath.Doubles(GraphEvaluator.Evaluate(graph, inputs)["embedding"]), alone = TensorMath.Doubles(GraphEvaluator.Evaluate(graph, Tokens([[2, 80, 3]]))["embedding"]);
        double[] second = both[(both.Length / 2)..];
        Assert.All(alone.Zip(second), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    private static Dictionary<string, Tensor> Tokens(long[][] rows) =>
        new() { ["tokens"] = Tensor.From<long>(ElementType.I64, [rows.Length, rows[0].Length], rows.SelectMany(r => r).ToArray()) };
}
