using System.Text.Json;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>
/// The models of the data folder, compiled and run on the emulator, against forward passes in float64 on exactly decoded weights
/// (`logits_dequant.npy`, `embeddings_dequant.npy`), and where those are close against llama.cpp itself (`logits.npy`).
/// </summary>
public sealed class GoldenModelTests
{
    private const double F32Error = 1e-3, Close = 1e-4, BF16Cosine = 0.9995;

    private const string Encoder = "bert-f16";

    public static TheoryData<string> Models { get; } =
    [
        "stories260k-f32", "stories260k-bf16", "stories260k-q8_0", "stories260k-q4_0", "stories260k-q5_1", "rnd256-q4_k_m", "rnd256-q6_k", "rnd256-q3_k_m", "rnd256-q8_0",
        "gpt2-f16", "qwen2-f32", "qwen2-q4_k_m", Encoder, "llama3-f32", "gemma-f32",
    ];

    [DataTheory("gguf")]
    [InlineData("stories260k-f32")]
    [InlineData("gemma-f32")]
    [InlineData(Encoder)]
    public void The_graph_computes_what_the_model_does(string name)
    {
        Graph graph = GgufImporter.Import(Path(name), Options(name), new Dictionary<string, DimensionLimit>(), []).Graph;
        Assert.Empty(GraphVerifier.Verify(graph));
        Tensor result = GraphEvaluator.Evaluate(graph, new Dictionary<string, Tensor> { ["tokens"] = Sequence(name) }).Values.Single();
        AssertNear(result, Golden(name, "_dequant"), F32Error, name);
    }

    [DataTheory("gguf")]
    [MemberData(nameof(Models))]
    public void At_f32_the_binary_computes_what_the_model_does(string name)
    {
        Tensor result = Run(name, Precision.F32, Options(name), Sequence(name));
        AssertNear(result, Golden(name, "_dequant"), F32Error, name);
        if (LlamaCppError(name) < Close)
        {
            AssertNear(result, Golden(name, ""), F32Error, name);
        }
    }

    [DataTheory("gguf")]
    [MemberData(nameof(Models))]
    public void At_bf16_the_binary_is_close(string name)
    {
        double cosine = ErrorMeasures.Of(TensorMath.Doubles(Run(name, Precision.BF16, Options(name), Sequence(name))), TensorMath.Doubles(Golden(name, "_dequant"))).Cosine;
        Assert.True(cosine >= BF16Cosine, FormattableString.Invariant($"{name}: cosine {cosine:F6}"));
    }

    [DataTheory("gguf")]
    [InlineData(Pooling.Mean)]
    [InlineData(Pooling.Cls)]
    public void Embeddings_are_pooled_as_the_reference_does(Pooling pooling)
    {
        Tensor golden = NpyFile.Read(TestData.Get($"gguf/{Encoder}.golden/pooled_{pooling.ToString().ToLowerInvariant()}.npy"));
        Tensor result = Run(Encoder, Precision.F32, new GgufOptions { Pooling = pooling }, Sequence(Encoder));
        double cosine = ErrorMeasures.Of(TensorMath.Doubles(result), TensorMath.Doubles(golden)).Cosine;
        Assert.True(cosine >= 0.9999, FormattableString.Invariant($"cosine {cosine:F6}"));
    }

    [DataFact("gguf")]
    public void The_last_position_alone_has_the_same_bits()
    {
        const string Name = "qwen2-q4_k_m";
        Tensor all = Run(Name, Precision.F32, new GgufOptions { AllLogits = true }, Sequence(Name)), last = Run(Name, Precision.F32, new GgufOptions(), Sequence(Name));
        Assert.Equal(2, last.Rank);
        Assert.Equal(all.AsSpan<float>()[^(int)last.Count..].ToArray(), last.AsSpan<float>().ToArray());
    }

    private static Tensor Run(string name, Precision precision, GgufOptions options, Tensor tokens)
    {
        ChipDescription chip = ChipDescriptions.Load(ChipDescriptions.DefaultName);
        CompilationResult compilation = CompilerDriver.Compile(Path(name), new CompileOptions { Chip = chip, Precision = precision, Gguf = options }, []);
        Assert.Empty(StaticChecks.Run(compilation.Image!.EntryPoints[0]));
        using var folder = new TemporaryFolder();
        string binary = System.IO.Path.Combine(folder.FullName, "model.bin");
        ProgramFile.Write(binary, compilation.Image);
        using LoadedProgram program = LoadedProgram.Open(binary, chip);
        RunResult run = new Session(program).Run(new Dictionary<string, Tensor> { ["tokens"] = tokens });
        return run.Outputs[name == Encoder ? "embedding" : ProgramModel.Logits];
    }

    private static string Path(string name) => TestData.Get($"gguf/{name}.gguf");

    private static GgufOptions Options(string name) => name == Encoder ? new GgufOptions { Pooling = Pooling.None } : new GgufOptions { AllLogits = true };

    private static Tensor Golden(string name, string suffix) => NpyFile.Read(TestData.Get($"gguf/{name}.golden/{(name == Encoder ? "embeddings" : "logits")}{suffix}.npy"));

    private static void AssertNear(Tensor result, Tensor golden, double limit, string name)
    {
        ErrorMeasures errors = ErrorMeasures.Of(TensorMath.Doubles(result), TensorMath.Doubles(golden));
        Assert.True(errors.MaxAbsolute <= limit, FormattableString.Invariant($"{name}: largest error {errors.MaxAbsolute:G3}, allowed {limit:G3}"));
    }

    private static Tensor Sequence(string name)
    {
        using JsonDocument prompts = JsonDocument.Parse(File.ReadAllText(TestData.Get($"gguf/{name}.golden/prompts.json")));
        long[] ids = [.. prompts.RootElement.GetProperty("sequence").GetProperty("ids").EnumerateArray().Select(e => e.GetInt64())];
        return Tensor.From<long>(ElementType.I64, [1, ids.Length], ids);
    }

    /// <summary>How far llama.cpp's own logits are from the exact ones; it rounds activations.</summary>
    private static double LlamaCppError(string name)
    {
        using JsonDocument card = JsonDocument.Parse(File.ReadAllText(TestData.Get($"gguf/{name}.golden/card.json")));
        return card.RootElement.GetProperty("measured").TryGetProperty("maxabs_logits_vs_dequant", out JsonElement error) ? error.GetDouble() : double.PositiveInfinity;
    }
}
