using System.Collections.Concurrent;
using TransformerCc.Compiler;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Generation;

/// <summary>GGUF models of the test data, compiled at f32 and loaded, each once for the tests that ask for it.</summary>
internal static class CompiledModel
{
    private static readonly ConcurrentDictionary<string, Lazy<LoadedProgram>> s_loaded = [];

    public static LoadedProgram Load(string name) => s_loaded.GetOrAdd(name, n => new Lazy<LoadedProgram>(() =>
    {
        ChipDescription chip = ChipDescriptions.Load("tx1");
        CompilationResult result = CompilerDriver.Compile(TestData.Get($"gguf/{n}.gguf"), new CompileOptions { Chip = chip, Precision = Precision.F32 }, []);
        return LoadedProgram.Load(result.Image!, chip);
    })).Value;

    /// <summary>Runs to the end and collects the steps of each answer.</summary>
    public static async Task<List<GeneratedToken>[]> Collect(IAsyncEnumerable<GeneratedToken> steps, int sequences)
    {
        List<GeneratedToken>[] answers = [.. Enumerable.Range(0, sequences).Select(_ => new List<GeneratedToken>())];
        await foreach (GeneratedToken step in steps)
        {
            answers[step.Sequence].Add(step);
        }
        return answers;
    }
}
