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

/// <summary>Layers that see a window: a circular cache, which answers turn over several times, gives what a cache of everything gives.</summary>
public sealed class WindowTests : IDisposable
{
    private const int Window = 16, Context = 160;

    private readonly string _folder = Directory.CreateTempSubdirectory("tcc-window").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("phi3")]
    [InlineData("gemma2")]
    public async Task A_window_turns_around_without_a_trace(string architecture)
    {
        string model = Path.Combine(_folder, "model.gguf");
        SyntheticModel.Create(new SyntheticShape(architecture) { Width = 64, Hidden = 96, KeyHeads = 2, Window = Window, Context = Context, Type = "f32" }).WriteFile(model);
        using LoadedProgram circular = Load(model, longestRun: 24), whole = Load(model, longestRun: null);
        Assert.Contains(circular.Image.Tensors, t => t.State?.Mode == StateMode.Circular);
        Assert.DoesNotContain(whole.Image.Tensors, t => t.State?.Mode == StateMode.Circular);

        int[][] prompts = [[.. Enumerable.Range(70, 40)], [1, 80, 81], [.. Enumerable.Range(100, 25)]];
        var options = new GenerationOptions { MaxTokens = 100, IgnoreEnd = true, PrefillLength = 64 };
        List<GeneratedToken>[] turned = await Answers(circular), all = await Answers(whole);
        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(100, turned[i].Count);
            Assert.Equal(all[i].Select(s => s.Token), turned[i].Select(s => s.Token));
        }

        Task<List<GeneratedToken>[]> Answers(LoadedProgram program) => CompiledModel.Collect(new Generator(new ProgramModel(program), null).GenerateAsync(prompts, options), prompts.Length);
    }

    private static LoadedProgram Load(string model, long? longestRun)
    {
        ChipDescription chip = ChipDescriptions.Load("tx1");
        var options = new CompileOptions
        {
            Chip = chip,
            Precision = Precision.F32,
            Gguf = new GgufOptions { Context = Context, Batch = 3 },
            Import = new ImportOptions { Bindings = longestRun is long most ? new Dictionary<string, DimensionLimit> { ["length"] = DimensionLimit.AtMost(most) } : [] },
        };
        return LoadedProgram.Load(CompilerDriver.Compile(model, options, []).Image!, chip);
    }
}
