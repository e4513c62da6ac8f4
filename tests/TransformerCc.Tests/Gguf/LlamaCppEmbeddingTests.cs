using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>
/// Embedding models of <c>tcc synth</c> as binaries, against llama.cpp. The file beside this one has the pooled vector of
/// the same tokens for each architecture, made with node-llama-cpp 3.22 (CPU).
/// </summary>
public sealed class LlamaCppEmbeddingTests : IDisposable
{
    /// <summary>Of an element of about 1; llama.cpp computes GELU and sigmoid through tables of f16.</summary>
    private const double AbsoluteError = 2e-3;

    /// <summary>Between [CLS] and [SEP].</summary>
    private static readonly long[] s_tokens = [2, 70, 71, 300, 5, 299, 12, 260, 3];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Names { get; } = [.. Expected().Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Pooled_vectors_agree(string architecture)
    {
        string model = Path.Combine(_folder.FullName, "model.gguf"), binary = Path.ChangeExtension(model, ".bin");
        SyntheticModel.Create(new SyntheticShape(architecture) { Width = 64, Heads = 4, Hidden = 96, Type = "f32" }).WriteFile(model);
        ChipDescription chip = ChipDescriptions.Load(ChipDescriptions.DefaultName);
        ProgramFile.Write(binary, CompilerDriver.Compile(model, new CompileOptions { Chip = chip, Precision = Precision.F32 }, []).Image!);
        using LoadedProgram program = LoadedProgram.Open(binary, chip);
        var inputs = new Dictionary<string, Tensor>
        {
            ["tokens"] = Tensor.From<long>(ElementType.I64, [1, s_tokens.Length], s_tokens),
            ["lengths"] = Tensor.From<long>(ElementType.I64, [1], [s_tokens.Length]),
        };
        RunResult run = new Session(program).Run(inputs, new RunOptions { Check = true });
        Assert.Empty(run.Findings);
        ErrorMeasures error = ErrorMeasures.Of(TensorMath.Doubles(run.Outputs["embedding"]), Expected()[architecture]);
        Assert.InRange(error.MaxAbsolute, 0, AbsoluteError);
        Assert.True(error.Cosine >= 0.9999, $"cosine {error.Cosine}");
    }

    private static Dictionary<string, double[]> Expected() =>
        File.ReadLines(Path.Combine(TestData.Repository, "tests", "TransformerCc.Tests", "Gguf", "LlamaCppEmbeddingTests.txt")).Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => words.Skip(1).Select(w => double.Parse(w, CultureInfo.InvariantCulture)).ToArray());
}
