using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>
/// Every architecture against llama.cpp: models of <c>tcc synth</c>, evaluated on the same tokens, and run as binaries. The file beside this one has
/// lines "model position token:probability …" with the four likeliest next tokens, made with node-llama-cpp 3.22 (llama.cpp of
/// 2026, CPU, caches in f32, no flash attention).
/// </summary>
public sealed class LlamaCppTests : IDisposable
{
    /// <summary>Of a probability; llama.cpp computes GELU through a table of f16, which shows in the third digit.</summary>
    private const double RelativeError = 0.02;

    /// <summary>Of a logit of the binary at f32, against the reference evaluation.</summary>
    private const double F32Error = 1e-3;

    private static readonly long[] s_tokens = [1, 70, 71, 300, 5, 299, 12, 260, 261, 262, 263, 40, 41, 42, 43, 400, 401, 402, 403, 404, 333, 222, 111, 99];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Names { get; } = [.. Expected().Select(e => e.Name).Distinct()];

    private static SyntheticShape Shape(string name)
    {
        string architecture = name.Split('/')[0];
        var shape = new SyntheticShape(architecture) { Width = 64, Hidden = 96, Type = "f32", KeyHeads = architecture is "gpt2" or "phi2" ? null : 2, Experts = Architectures.Find(architecture)!.NeedsExperts ? 4 : 0 };
        return name switch
        {
            "llama/experts" => shape with { Experts = 4 },
            "llama/factors" => shape with { With = ["rope_freqs.weight", "output.weight", "attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias"] },
            "stablelm/sequential" => shape with { RopeDimensions = 8, With = ["ffn_norm.weight", "ffn_norm.bias", "attn_q_norm.weight", "attn_k_norm.weight"] },
            "phi2/partial" => shape with { RopeDimensions = 8 },
            "gemma2/window" => shape with { Window = 8, Layers = 4 },
            "gemma3/window" => shape with { Window = 8, Layers = 7, HeadWidth = 32 },
            "falcon/two-norms" => shape with { With = ["attn_norm_2.weight", "attn_norm_2.bias"] },
            _ => shape,
        };
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Probabilities_agree(string name)
    {
        string path = Path.Combine(_folder.FullName, "model.gguf");
        SyntheticModel.Create(Shape(name)).WriteFile(path);
        Graph graph = GgufImporter.Import(path, new GgufOptions { AllLogits = true }, new Dictionary<string, DimensionLimit>(), []).Graph;
        var inputs = new Dictionary<string, Tensor> { ["tokens"] = Tensor.From<long>(ElementType.I64, [1, s_tokens.Length], s_tokens) };
        double[] logits = TensorMath.Doubles(GraphEvaluator.Evaluate(graph, inputs)["logits"]), binary = TensorMath.Doubles(RunBinary(path, inputs));
        Assert.InRange(ErrorMeasures.Of(binary, logits).MaxAbsolute, 0, F32Error);
        int vocabulary = logits.Length / s_tokens.Length;
        foreach ((_, int position, (int Token, double Probability)[] best) in Expected().Where(e => e.Name == name))
        {
            double[] row = logits[(position * vocabulary)..((position + 1) * vocabulary)];
            double max = row.Max(), sum = row.Sum(l => Math.Exp(l - max));
            Assert.All(best, b => Assert.Equal(b.Probability, Math.Exp(row[b.Token] - max) / sum, RelativeError * b.Probability));
        }
    }

    private static Tensor RunBinary(string model, Dictionary<string, Tensor> inputs)
    {
        ChipDescription chip = ChipDescriptions.Load(ChipDescriptions.DefaultName);
        CompilationResult compilation = CompilerDriver.Compile(model, new CompileOptions { Chip = chip, Precision = Precision.F32, Gguf = new GgufOptions { AllLogits = true } }, []);
        string path = Path.ChangeExtension(model, ".bin");
        ProgramFile.Write(path, compilation.Image!);
        using LoadedProgram program = LoadedProgram.Open(path, chip);
        RunResult run = new Session(program).Run(inputs, new RunOptions { Check = true });
        Assert.Empty(run.Findings);
        return run.Outputs["logits"];
    }

    private static IEnumerable<(string Name, int Position, (int Token, double Probability)[] Best)> Expected()
    {
        foreach (string line in File.ReadLines(Path.Combine(TestData.Repository, "tests", "TransformerCc.Tests", "Gguf", "LlamaCppTests.txt")))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            yield return (words[0], int.Parse(words[1], CultureInfo.InvariantCulture),
                [.. words.Skip(2).Select(w => w.Split(':')).Select(p => (int.Parse(p[0], CultureInfo.InvariantCulture), double.Parse(p[1], CultureInfo.InvariantCulture)))]);
        }
    }
}
