using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Caches;

/// <summary>Whole language models: logits keep their bits however a prompt is split and whichever sequences run beside it.</summary>
public class ModelSplitTests
{
    private const int Length = 40, Batch = 4, Vocabulary = 500;

    [DataTheory("gguf")]
    [InlineData("llama3-f32", Precision.F32, null)]
    [InlineData("llama3-f32", Precision.BF16, CacheFormat.Int8)]
    [InlineData("stories260k-q8_0", Precision.BF16, null)]
    [InlineData("gemma-f32", Precision.F32, CacheFormat.FP8)]
    [InlineData("qwen2-f32", Precision.F32, CacheFormat.BF16)]
    public void LogitsKeepTheirBits(string name, Precision precision, CacheFormat? cache)
    {
        var options = new CompileOptions
        {
            Chip = TestChips.Default,
            Precision = precision,
            Cache = cache,
            Gguf = new GgufOptions { Context = 64, Batch = Batch, AllLogits = true },
        };
        CompilationResult compiled = CompilerDriver.Compile(TestData.Get($"gguf/{name}.gguf"), options, []);
        Assert.Equal(["prefill", "decode"], compiled.Image!.EntryPoints.Select(e => e.Name));
        Assert.All(compiled.Image.EntryPoints, e => Assert.Empty(StaticChecks.Run(e)));
        using LoadedProgram program = LoadedProgram.Load(compiled.Image, TestChips.Default);
        var random = new Random(name.Length);
        long[][] prompts = [.. Enumerable.Range(0, Batch).Select(_ => Enumerable.Range(0, Length).Select(_ => random.NextInt64(Vocabulary)).ToArray())];

        // Each alone and at once.
        byte[][] alone = [.. prompts.Select(p => Rows(Run(SessionState.Create(program, 1, 64), [p], [0]))[0])];
        // The first again, in pieces that both programs run.
        SessionState pieces = SessionState.Create(program, 1, 64);
        var split = new List<byte>();
        foreach ((int start, int end) in new[] { (0, 17), (17, 19), (19, 20), (20, 33), (33, Length) })
        {
            split.AddRange(Rows(Run(pieces, [prompts[0][start..end]], [start]))[0]);
        }
        Assert.Equal(alone[0], split);
        // All together: prompts of different lengths, then the rest of each from where it stands.
        int[] lengths = [5, 24, 1, 13];
        SessionState together = SessionState.Create(program, Batch, 64);
        byte[][] first = Rows(Run(together, [.. prompts.Select((p, b) => (long[])[.. p[..lengths[b]], .. new long[24 - lengths[b]]])], [0, 0, 0, 0]));
        byte[][] next = Rows(Run(together, [.. prompts.Select((p, b) => p[lengths[b]..(lengths[b] + 6)])], [.. lengths.Select(l => (long)l)]));
        int row = alone[0].Length / Length;
        for (int b = 0; b < Batch; b++)
        {
            Assert.Equal(alone[b][..(lengths[b] * row)], first[b][..(lengths[b] * row)]);
            Assert.Equal(alone[b][(lengths[b] * row)..((lengths[b] + 6) * row)], next[b]);
        }

        Tensor Run(SessionState state, long[][] tokens, long[] past) => new Session(program).Run(
            new Dictionary<string, Tensor> { ["tokens"] = Tensor.From<long>(ElementType.I64, [tokens.Length, tokens[0].Length], [.. tokens.SelectMany(t => t)]), ["past"] = CacheGraphs.Past(past) },
            new RunOptions { State = state }).Outputs["logits"];
    }

    /// <summary>The bytes of each sequence.</summary>
    private static byte[][] Rows(Tensor logits) => [.. logits.Data.ToArray().Chunk((int)(logits.Data.Length / logits.Shape[0]))];
}
