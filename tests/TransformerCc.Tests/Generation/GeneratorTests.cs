using System.Collections.Immutable;
using FsCheck;
using FsCheck.Xunit;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Generation.Sampling;

namespace TransformerCc.Tests.Generation;

/// <summary>Scheduling of prompts and answers, with a model whose every token depends on all before it.</summary>
public sealed class GeneratorTests
{
    /// <summary>Tokens 0 to 25 are letters, 26 a space, 27 and 28 the two bytes of é, 29 ends the text, the rest are "&lt;N&gt;".</summary>
    private static readonly ImmutableArray<string> s_tokens =
        [.. Enumerable.Range('a', 26).Select(c => ((char)c).ToString()), "▁", "<0xC3>", "<0xA9>", "</s>", .. Enumerable.Range(30, 20).Select(i => FormattableString.Invariant($"<{i}>"))];

    private static readonly Tokenizer s_tokenizer = Tokenizer.Create(new TokenizerData
    {
        Model = "llama",
        Tokens = s_tokens,
        Types = [.. s_tokens.Select((_, i) => i is 27 or 28 ? TokenType.Byte : i == 29 ? TokenType.Control : TokenType.Normal)],
        Eos = 29,
        Unknown = 26,
        AddBos = false,
        AddSpacePrefix = false,
    });

    [Property(MaxTest = 60)]
    public async Task A_batch_gives_each_answer_as_it_is_alone(int seed)
    {
        var random = new System.Random(seed);
        int[][] prompts = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.Next(50)).ToArray())];
        var options = new GenerationOptions
        {
            MaxTokens = random.Next(1, 40),
            PrefillLength = random.Next(1, 50),
            Sampling = random.Next(2) == 0 ? new() : new() { Temperature = 1, TopK = 5, Seed = (ulong)seed, RepeatPenalty = 1.1f },
        };
        List<GeneratedToken>[] together = await Run(new PredictableModel(maxLength: random.Next(1, 20)), prompts, options);
        for (int i = 0; i < prompts.Length; i++)
        {
            List<GeneratedToken> alone = (await Run(new PredictableModel(), [prompts[i]], options with { PrefillLength = 512 }))[0];
            Assert.Equal(alone.Select(s => (s.Token, s.Text, s.Finish)), together[i].Select(s => (s.Token, s.Text, s.Finish)));
            Assert.NotNull(alone[^1].Finish);
            Assert.All(alone.SkipLast(1), s => Assert.Null(s.Finish));
        }
    }

    [Fact]
    public async Task A_prompt_is_read_in_pieces_and_the_answer_token_by_token()
    {
        var model = new PredictableModel();
        await Run(model, [[1, 2, 3, 4, 5, 6, 7]], new() { MaxTokens = 3, PrefillLength = 3, IgnoreEnd = true });
        Assert.Equal([(1, 3), (1, 3), (1, 1), (1, 1), (1, 1)], model.Runs);
    }

    [Fact]
    public async Task A_full_context_ends_an_answer_and_keeps_it()
    {
        var options = new GenerationOptions { IgnoreEnd = true, MaxTokens = 100 };
        List<GeneratedToken>[] answers = await Run(new PredictableModel(maxContext: 20), [[1, 2, 3], [.. Enumerable.Range(0, 20)]], options);
        Assert.Equal((18, FinishReason.ContextFull), (answers[0].Count, answers[0][^1].Finish));
        Assert.Equal((1, FinishReason.ContextFull), (answers[1].Count, answers[1][^1].Finish));
        Assert.Equal((20, FinishReason.MaxTokens), ((await Run(new PredictableModel(maxContext: 22), [[1, 2, 3]], options with { MaxTokens = 20 }))[0].Count, FinishReason.MaxTokens));
    }

    [Fact]
    public async Task Stop_strings_cut_the_text_wherever_tokens_end()
    {
        List<GeneratedToken> free = (await Run(new PredictableModel(vocabulary: 26), [[3]], new() { MaxTokens = 30 }))[0];
        string text = string.Concat(free.Select(s => s.Text));
        Assert.Equal(30, text.Length);
        string stop = text.Substring(11, 3);
        List<GeneratedToken> stopped = (await Run(new PredictableModel(vocabulary: 26), [[3]], new() { MaxTokens = 30, Stop = ["none", stop, stop + "x"] }))[0];
        int at = text.IndexOf(stop, StringComparison.Ordinal);
        Assert.Equal((text[..at], FinishReason.StopString, at + 3), (string.Concat(stopped.Select(s => s.Text)), stopped[^1].Finish, stopped.Count));
        Assert.Equal(text, string.Concat((await Run(new PredictableModel(vocabulary: 26), [[3]], new() { MaxTokens = 30, Stop = [text[20..] + "!"] }))[0].Select(s => s.Text)));
    }

    [Fact]
    public async Task Characters_appear_when_they_are_whole()
    {
        List<GeneratedToken> steps = (await Run(new ScriptedModel([0, 27, 28, 26, 27, 1, 27]), [[0]], new() { MaxTokens = 7 }))[0];
        Assert.Equal(["a", "", "é", " ", "", "\uFFFDb", "\uFFFD"], steps.Select(s => s.Text));
    }

    [Fact]
    public async Task The_end_token_ends_the_answer_without_a_text()
    {
        List<GeneratedToken> steps = (await Run(new ScriptedModel([0, 1, 29, 2, 3]), [[0]], new()))[0];
        Assert.Equal(["a", "b", ""], steps.Select(s => s.Text));
        Assert.Equal((29, FinishReason.End), (steps[^1].Token, steps[^1].Finish));
        Assert.Equal(5, (await Run(new ScriptedModel([0, 1, 29, 2, 3]), [[0]], new() { IgnoreEnd = true, MaxTokens = 5 }))[0].Count);
    }

    [Fact]
    public async Task A_cancelled_generation_has_given_what_it_had()
    {
        using var source = new CancellationTokenSource();
        var model = new PredictableModel { BeforeRun = run => { if (run == 4) { source.Cancel(); } } };
        var steps = new List<GeneratedToken>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken step in new Generator(model, s_tokenizer).GenerateAsync([[1]], new() { IgnoreEnd = true }, null, source.Token))
            {
                steps.Add(step);
            }
        });
        Assert.Equal(4, steps.Count);
    }

    [Fact]
    public void What_cannot_run_is_refused_before_it_runs()
    {
        Assert.Equal(["TCC5210"], Refused([[.. Enumerable.Range(0, 65).Select(_ => 1)], [1]]));
        Assert.Equal(["TCC5211"], Refused([[1], [1], [1], [1], [1], [1], [1], [1], [1]]));
        Assert.Equal(["TCC5213", "TCC5210"], Refused([[], [.. Enumerable.Range(0, 70).Select(_ => 1)]]));
        foreach (SamplingOptions bad in (SamplingOptions[])[new() { Temperature = -1 }, new() { Temperature = float.NaN }, new() { TopP = 0 }, new() { TopP = 1.5f }, new() { MinP = -1 }, new() { TopK = -1 }, new() { RepeatPenalty = 0 }])
        {
            Assert.Equal(["TCC5212"], Refused([[1]], new() { Sampling = bad }));
        }
        Assert.Equal(["TCC5212"], Refused([[1]], new() { MaxTokens = -1 }));
        Assert.Equal(["TCC5212"], Refused([[1]], new() { Stop = [""] }));
        Assert.Equal(["TCC5212"], Refused([[1]], new() { PrefillLength = 0 }));

        static IEnumerable<string> Refused(int[][] prompts, GenerationOptions? options = null) =>
            Assert.Throws<DiagnosticException>(() => new Generator(new PredictableModel(), s_tokenizer).GenerateAsync(prompts, options)).Diagnostics.Select(d => d.Code);
    }

    [Fact]
    public async Task Statistics_count_what_was_read_and_written()
    {
        var statistics = new GenerationStatistics();
        await CompiledModel.Collect(new Generator(new PredictableModel(), s_tokenizer).GenerateAsync([[1, 2, 3], [4]], new() { MaxTokens = 5, IgnoreEnd = true }, statistics), 2);
        Assert.Equal((4, 10, 8), (statistics.PromptTokens, statistics.GeneratedTokens, statistics.DecodedTokens));
    }

    private static Task<List<GeneratedToken>[]> Run(ILanguageModel model, int[][] prompts, GenerationOptions options) =>
        CompiledModel.Collect(new Generator(model, s_tokenizer).GenerateAsync(prompts, options), prompts.Length);

    /// <summary>Says what it is told to, one token in each run.</summary>
    private sealed class ScriptedModel(int[] tokens) : ILanguageModel, ISequences
    {
        private int _at;

        public long MaxSequences => 1;

        public long MaxContext => 64;

        public long MaxLength => 64;

        public ISequences Begin(int sequences, long context) => this;

        public IReadOnlyList<Prediction> Run(IReadOnlyList<int[]> rows, long[] past, long[] lengths, CancellationToken cancellation)
        {
            var logits = new float[50];
            logits[tokens[_at++]] = 1;
            return [new(logits)];
        }
    }
}
