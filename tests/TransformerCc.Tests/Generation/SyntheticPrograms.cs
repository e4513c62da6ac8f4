using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Generation;

/// <summary>A small random model, compiled at f32 for three sequences with caches of different kinds: all must give the same answers.</summary>
internal sealed record SyntheticPrograms(string Architecture, int Context)
{
    /// <param name="longestRun">Bounds the tokens of a run: caches of layers with a window become circular.</param>
    public LoadedProgram Load(string folder, long? longestRun, bool isPaged = false)
    {
        string model = Path.Combine(folder, "model.gguf");
        SyntheticModel.Create(new SyntheticShape(Architecture) { Width = 64, Hidden = 96, KeyHeads = 2, Window = Architectures.Find(Architecture)!.Window is null ? null : 16, Context = Context, Type = "f32" }).WriteFile(model);
        ChipDescription chip = ChipDescriptions.Load("tx1");
        var options = new CompileOptions
        {
            Chip = chip,
            Precision = Precision.F32,
            PagedCache = isPaged,
            Gguf = new GgufOptions { Context = Context, Batch = 3 },
            Import = new ImportOptions { Bindings = longestRun is long most ? new Dictionary<string, DimensionLimit> { ["length"] = DimensionLimit.AtMost(most) } : [] },
        };
        return LoadedProgram.Load(CompilerDriver.Compile(model, options, []).Image!, chip);
    }

    public static async Task AnswerAlike(LoadedProgram program, LoadedProgram other, int[][] prompts, int tokens)
    {
        var options = new GenerationOptions { MaxTokens = tokens, IgnoreEnd = true, PrefillLength = 64 };
        List<GeneratedToken>[] answers = await Answers(program), expected = await Answers(other);
        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(tokens, answers[i].Count);
            Assert.Equal(expected[i].Select(s => s.Token), answers[i].Select(s => s.Token));
        }

        Task<List<GeneratedToken>[]> Answers(LoadedProgram p) => CompiledModel.Collect(new Generator(new ProgramModel(p), null).GenerateAsync(prompts, options), prompts.Length);
    }
}
