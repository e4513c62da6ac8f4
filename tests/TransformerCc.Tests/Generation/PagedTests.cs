using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Generation;

/// <summary>Prompts of a batch whose caches share pages get the answers that they get with caches of their own.</summary>
public sealed class PagedTests : IDisposable
{
    private const int Context = 300;

    private readonly string _folder = Directory.CreateTempSubdirectory("tcc-paged").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("llama", null)]
    [InlineData("gemma2", 24)]
    public async Task Pages_leave_no_trace(string architecture, int? longestRun)
    {
        string model = Path.Combine(_folder, "model.gguf");
        SyntheticModel.Create(new SyntheticShape(architecture) { Width = 64, Hidden = 96, KeyHeads = 2, Context = Context, Window = 16, Type = "f32" }).WriteFile(model);
        using LoadedProgram paged = Load(model, longestRun, isPaged: true), appended = Load(model, longestRun, isPaged: false);
        Assert.Contains(paged.Image.Tensors, t => t.State?.Mode == StateMode.Paged);
        Assert.DoesNotContain(paged.Image.Tensors, t => t.State?.Mode == StateMode.Append);
        // Layers with a window keep their small caches.
        Assert.Equal(longestRun is not null, paged.Image.Tensors.Any(t => t.State?.Mode == StateMode.Circular));

        int[][] prompts = [[.. Enumerable.Range(70, 110)], [1, 80, 81], [.. Enumerable.Range(100, 25)]];
        var options = new GenerationOptions { MaxTokens = 40, IgnoreEnd = true, PrefillLength = 64 };
        List<GeneratedToken>[] answers = await Answers(paged), expected = await Answers(appended);
        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(40, answers[i].Count);
            Assert.Equal(expected[i].Select(s => s.Token), answers[i].Select(s => s.Token));
        }

        Task<List<GeneratedToken>[]> Answers(LoadedProgram program) => CompiledModel.Collect(new Generator(new ProgramModel(program), null).GenerateAsync(prompts, options), prompts.Length);
    }

    private static LoadedProgram Load(string model, int? longestRun, bool isPaged)
    {
        ChipDescription chip = ChipDescriptions.Load("tx1");
        var options = new CompileOptions
        {
            Chip = chip,
            Precision = Precision.F32,
            PagedCache = isPaged,
            Gguf = new GgufOptions { Context = Context, Batch = 3 },
            Import = new ImportOptions { Bindings = longestRun is int most ? new Dictionary<string, DimensionLimit> { ["length"] = DimensionLimit.AtMost(most) } : [] },
        };
        return LoadedProgram.Load(CompilerDriver.Compile(model, options, []).Image!, chip);
    }
}
