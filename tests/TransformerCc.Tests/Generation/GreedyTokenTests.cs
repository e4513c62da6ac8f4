using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Generation;

/// <summary>The token that the chip finds largest is the one that the host finds among all logits.</summary>
public sealed class GreedyTokenTests : IDisposable
{
    private const int Tokens = 12;

    private static readonly int[][] s_prompts = [[.. Enumerable.Range(70, 40)], [1, 80, 81], [.. Enumerable.Range(100, 25)]];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The head has three blocks on this chip; Gemma 2 caps its logits on the way.</summary>
    [Theory]
    [InlineData("llama", Precision.F32)]
    [InlineData("llama", Precision.BF16)]
    [InlineData("gemma2", Precision.BF16)]
    public async Task Batches_and_pieces_of_prompts_give_the_tokens_of_the_host(string architecture, Precision precision)
    {
        using LoadedProgram program = Load(architecture, precision, allLogits: false);
        Watched chip = new(new ProgramModel(program), hides: false), host = new(new ProgramModel(program), hides: true);
        foreach (int prefill in (int[])[64, 7])
        {
            int[][] found = await Answers(chip, prefill), expected = await Answers(host, prefill);
            Assert.All(found, a => Assert.Equal(Tokens, a.Length));
            Assert.Equal(expected, found);
        }
        Assert.Equal(0, chip.Unknown);
        Assert.NotEqual(0, host.Unknown);
    }

    /// <summary>Logits of all positions come without a token, and the host chooses as before.</summary>
    [Fact]
    public async Task Logits_of_all_positions_are_chosen_from_by_the_host()
    {
        using LoadedProgram all = Load("llama", Precision.F32, allLogits: true), last = Load("llama", Precision.F32, allLogits: false);
        var host = new Watched(new ProgramModel(all), hides: false);
        Assert.Equal(await Answers(new ProgramModel(last), 7), await Answers(host, 7));
        Assert.NotEqual(0, host.Unknown);
    }

    private LoadedProgram Load(string architecture, Precision precision, bool allLogits)
    {
        string model = Path.Combine(_folder.FullName, "model.gguf");
        SyntheticModel.Create(new SyntheticShape(architecture) { Width = 64, Hidden = 96, KeyHeads = 2, Vocabulary = 301, Context = 64, Type = "f32" }).WriteFile(model);
        ChipDescription chip = ChipDescriptions.Load("tx1-edge");
        var options = new CompileOptions { Chip = chip, Precision = precision, Gguf = new GgufOptions { Context = 64, Batch = 3, AllLogits = allLogits } };
        return LoadedProgram.Load(CompilerDriver.Compile(model, options, []).Image!, chip);
    }

    private static async Task<int[][]> Answers(ILanguageModel model, int prefill)
    {
        var options = new GenerationOptions { MaxTokens = Tokens, IgnoreEnd = true, PrefillLength = prefill };
        return [.. (await CompiledModel.Collect(new Generator(model, null).GenerateAsync(s_prompts, options), s_prompts.Length)).Select(a => a.Select(s => s.Token).ToArray())];
    }

    /// <summary>Counts predictions without a likeliest token, after it has hidden it or not.</summary>
    private sealed class Watched(ProgramModel model, bool hides) : ILanguageModel
    {
        public int Unknown { get; private set; }

        public long MaxSequences => model.MaxSequences;

        public long MaxContext => model.MaxContext;

        public long MaxLength => model.MaxLength;

        public ISequences Begin(int sequences, long context) => new Sequences(this, model.Begin(sequences, context), hides);

        private sealed class Sequences(Watched model, ISequences inner, bool hides) : ISequences
        {
            public IReadOnlyList<Prediction> Run(IReadOnlyList<int[]> rows, long[] past, long[] lengths, CancellationToken cancellation)
            {
                Prediction[] found = [.. inner.Run(rows, past, lengths, cancellation).Select(p => hides ? new Prediction(p.Logits.ToArray()) : p)];
                model.Unknown += found.Count(p => p.Likeliest is null);
                return found;
            }

            public void End(int sequence) => inner.End(sequence);
        }
    }
}
