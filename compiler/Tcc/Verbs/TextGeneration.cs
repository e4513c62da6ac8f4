using System.CommandLine;
using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation;
using TransformerCc.Runtime.Generation.Chat;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tool.Output;

namespace TransformerCc.Tool.Verbs;

/// <summary>
/// The part of <c>tcc run</c> that reads and writes text. The first prompt's answer appears as it is made; the others, made in
/// the same batch, follow one after the other.
/// </summary>
internal sealed class TextGeneration(ToolContext tool, bool json)
{
    private const string ContextFull = "TCC7020";

    private int _shown;

    public async Task<int> RunAsync(LoadedProgram program, GenerationArguments arguments, ParseResult parse, CancellationToken cancellation)
    {
        var generator = new Generator(program);
        IReadOnlyList<string> prompts = arguments.Prompts(parse);
        IReadOnlyList<string> texts = Messages(generator.Tokenizer!, prompts, arguments.ChatFormat(parse), arguments.System(parse));
        var statistics = new GenerationStatistics();
        var answers = prompts.Select(_ => new Answer()).ToArray();
        IAsyncEnumerable<GeneratedToken> steps = generator.GenerateAsync(texts, arguments.Read(parse), statistics, cancellation);
        Header(answers);
        await foreach (GeneratedToken step in steps.ConfigureAwait(false))
        {
            Answer answer = answers[step.Sequence];
            answer.Tokens.Add(step.Token);
            answer.Text.Append(step.Text);
            answer.Finish = step.Finish;
            Show(answers, step);
        }
        Diagnostic[] problems = [.. answers.Select((a, i) => (a, i)).Where(p => p.a.Finish == FinishReason.ContextFull).Select(p => Diagnostic.Error(
            ContextFull, FormattableString.Invariant($"answer {p.i + 1} ends after {p.a.Tokens.Count} tokens: the context is full"), help: "compile the model with a larger --context, or ask for fewer --max-tokens"))];
        tool.Report(problems);
        Summarize(program, prompts, answers, statistics, problems);
        return problems.Length > 0 ? (int)FailureKind.Failed : 0;
    }

    private static IReadOnlyList<string> Messages(Tokenizer tokenizer, IReadOnlyList<string> prompts, string? format, string? system)
    {
        if (format is null)
        {
            return prompts;
        }
        TokenizerData data = tokenizer.Data;
        ChatFormat chat = ChatFormat.Of(data, format.Length > 0 ? format : null);
        string end = tokenizer.Eos is int eos ? data.Tokens[eos] : "";
        ChatMessage[] before = system is null ? [] : [new ChatMessage("system", system)];
        return [.. prompts.Select(p => chat.Write([.. before, new ChatMessage("user", p)], end))];
    }

    /// <summary>What of the text can be shown in order.</summary>
    private void Show(Answer[] answers, GeneratedToken step)
    {
        if (json || step.Sequence != _shown)
        {
            return;
        }
        tool.Output.Write(step.Text);
        tool.Output.Flush();
        while (_shown < answers.Length && answers[_shown].Finish is not null)
        {
            tool.Output.WriteLine();
            _shown++;
            Header(answers);
            tool.Output.Write(_shown < answers.Length ? answers[_shown].Text.ToString() : "");
        }
    }

    private void Header(Answer[] answers)
    {
        if (!json && answers.Length > 1 && _shown < answers.Length)
        {
            tool.Output.WriteLine(FormattableString.Invariant($"--- {_shown + 1}"));
        }
    }

    private void Summarize(LoadedProgram program, IReadOnlyList<string> prompts, Answer[] answers, GenerationStatistics statistics, Diagnostic[] problems)
    {
        ChipRates chip = ChipRates.Of(program, prompts.Count, statistics.PromptTokens, statistics.GeneratedTokens);
        var document = GenerationDocument.Of(answers.Zip(prompts, (a, p) => new AnswerDocument(p, a.Text.ToString(), a.Tokens, AnswerDocument.NameOf(a.Finish))), statistics, chip, problems);
        if (json)
        {
            JsonText.Write(tool.Output, document, ToolJson.Default.GenerationDocument);
            return;
        }
        WriteRate("prefill", document.Prefill, program.Chip.Name);
        WriteRate("decode", document.Decode, program.Chip.Name);
    }

    /// <summary>Of no tokens there is no rate.</summary>
    private void WriteRate(string what, RateDocument rate, string chip)
    {
        if (rate.Tokens > 0)
        {
            tool.Error.WriteLine($"{what}: {Rate(rate, chip)}");
        }
    }

    private static string Rate(RateDocument rate, string chip) =>
        $"{Numbers.Count(rate.Tokens)} tokens in {Numbers.Fixed(rate.Seconds, 2)} s, {Numbers.Fixed(rate.TokensPerSecond, 1)} tokens/s in the emulator on this host; {Numbers.Count((long)rate.EstimatedTokensPerSecond)} tokens/s estimated on {chip}";

    private sealed class Answer
    {
        public StringBuilder Text { get; } = new();

        public List<int> Tokens { get; } = [];

        public FinishReason? Finish { get; set; }
    }
}
