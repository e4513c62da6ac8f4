using System.Diagnostics;
using System.Runtime.CompilerServices;
using TransformerCc.Isa;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Generation;

/// <summary>
/// Generates text: prompts in, tokens out as they are chosen. Several prompts run in one batch, and each answer is the one it
/// would have alone: rows do not see each other, and any split of a prompt into runs gives the same bits. A row with nothing
/// to read is padded with tokens that count nowhere.
/// </summary>
public sealed class Generator
{
    public const string NoTokenizer = "TCC5206", TooLong = "TCC5210", TooMany = "TCC5211", BadOption = "TCC5212", BadPrompt = "TCC5213";

    private readonly ILanguageModel _model;

    /// <exception cref="DiagnosticException">TCC5201 to TCC5206: no language model, or one without a tokenizer that is known.</exception>
    public Generator(LoadedProgram program)
        : this(new ProgramModel(program), CreateTokenizer(program))
    {
    }

    /// <param name="tokenizer">Null: tokens in, tokens out, no text, and only the number of tokens ends an answer.</param>
    public Generator(ILanguageModel model, Tokenizer? tokenizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, Tokenizer) = (model, tokenizer);
    }

    public Tokenizer? Tokenizer { get; }

    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{IReadOnlyList{int}}, GenerationOptions?, GenerationStatistics?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(string prompt, GenerationOptions? options = null, GenerationStatistics? statistics = null, CancellationToken cancellation = default) =>
        GenerateAsync([prompt], options, statistics, cancellation);

    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{IReadOnlyList{int}}, GenerationOptions?, GenerationStatistics?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(IReadOnlyList<string> prompts, GenerationOptions? options = null, GenerationStatistics? statistics = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        options ??= new GenerationOptions();
        Tokenizer tokenizer = Tokenizer ?? throw new InvalidOperationException("text needs a tokenizer");
        return GenerateAsync([.. prompts.Select(p => tokenizer.Encode(p, options.AddSpecial, options.ParseSpecial))], options, statistics, cancellation);
    }

    /// <summary>
    /// The steps of all answers in the order in which they are chosen. An answer that fills the context ends with
    /// <see cref="FinishReason.ContextFull"/>; nothing of it is lost, and the others go on.
    /// </summary>
    /// <param name="statistics">Filled while it runs.</param>
    /// <exception cref="DiagnosticException">TCC5210 to TCC5213, before anything runs: a prompt does not fit, or an option is wrong.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, also within a run.</exception>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions? options = null, GenerationStatistics? statistics = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        options ??= new GenerationOptions();
        statistics ??= new GenerationStatistics();
        Check(prompts, options);
        return prompts.Count == 0 || options.MaxTokens == 0 ? AsyncEnumerable.Empty<GeneratedToken>() : RunAsync(prompts, options, statistics, cancellation);
    }

    private async IAsyncEnumerable<GeneratedToken> RunAsync(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, GenerationStatistics statistics, [EnumeratorCancellation] CancellationToken cancellation)
    {
        statistics.PromptTokens = prompts.Sum(p => (long)p.Count);
        // The last token of an answer is not read.
        long context = long.Min(_model.MaxContext, prompts.Max(p => p.Count) + (options.MaxTokens ?? _model.MaxContext) - 1);
        GeneratedSequence[] sequences = [.. prompts.Select(p => new GeneratedSequence(p, options, Tokenizer, context))];
        ISequences cache = _model.Begin(sequences.Length, context);
        while (sequences.Where(s => s.Finish is null).ToArray() is { Length: > 0 } active)
        {
            cancellation.ThrowIfCancellationRequested();
            bool isPrefill = active.Any(s => s.Past < prompts[Array.IndexOf(sequences, s)].Count);
            var clock = Stopwatch.StartNew();
            GeneratedToken[] steps = await Task.Run(() => Step(sequences, active, cache, context, options, cancellation), cancellation).ConfigureAwait(false);
            clock.Stop();
            statistics.GeneratedTokens += steps.Length;
            if (isPrefill)
            {
                statistics.Prefill += clock.Elapsed;
            }
            else
            {
                statistics.Decode += clock.Elapsed;
                statistics.DecodedTokens += steps.Length;
            }
            foreach (GeneratedToken step in steps)
            {
                yield return step;
            }
        }
    }

    /// <summary>One run: every sequence reads what it can; those that have read everything choose a token.</summary>
    private GeneratedToken[] Step(GeneratedSequence[] sequences, GeneratedSequence[] active, ISequences cache, long context, GenerationOptions options, CancellationToken cancellation)
    {
        long most = long.Min(long.Min(options.PrefillLength, _model.MaxLength), active.Min(s => s.Room));
        int length = (int)long.Min(most, active.Max(s => s.Pending));
        var rows = new int[sequences.Length][];
        long[] past = new long[sequences.Length], valid = new long[sequences.Length];
        for (int i = 0; i < sequences.Length; i++)
        {
            past[i] = sequences[i].Finish is null ? long.Min(sequences[i].Past, context - length) : 0;
            int[] tokens = sequences[i].Finish is null ? sequences[i].Take(length) : [];
            rows[i] = new int[length];
            tokens.CopyTo(rows[i], 0);
            valid[i] = int.Max(tokens.Length, 1);
        }
        IReadOnlyList<Prediction> predictions = cache.Run(rows, past, valid, cancellation);
        GeneratedToken[] steps = [.. Enumerable.Range(0, sequences.Length).Where(i => sequences[i].Finish is null && sequences[i].Pending == 0).Select(i => sequences[i].Next(i, predictions[i]))];
        foreach (GeneratedToken step in steps.Where(s => sequences[s.Sequence].Finish is not null))
        {
            cache.End(step.Sequence);
        }
        return steps;
    }

    private void Check(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options)
    {
        var diagnostics = new DiagnosticList();
        string? problem = options.Sampling.Problem
            ?? (options.MaxTokens < 0 ? "the number of tokens is 0 or more" : options.PrefillLength < 1 ? "the length of a prefill is 1 or more" : options.Stop.Any(s => s.Length == 0) ? "a stop string is empty" : null);
        if (problem is not null)
        {
            diagnostics.Add(Diagnostic.Error(BadOption, problem));
        }
        if (prompts.Count > _model.MaxSequences)
        {
            diagnostics.Add(Diagnostic.Error(TooMany, FormattableString.Invariant($"{prompts.Count} prompts: the program was compiled for {_model.MaxSequences} at once"), null, "compile it with a larger --batch, or run it more than once"));
        }
        for (int i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Count > _model.MaxContext)
            {
                diagnostics.Add(Diagnostic.Error(TooLong, FormattableString.Invariant($"prompt {i + 1} has {prompts[i].Count} tokens, {prompts[i].Count - _model.MaxContext} more than the context of {_model.MaxContext}"), null, "shorten it, or compile the model with a larger --context"));
            }
            else if (prompts[i].Count == 0)
            {
                diagnostics.Add(Diagnostic.Error(BadPrompt, FormattableString.Invariant($"prompt {i + 1} has no tokens"), null, "the model has no begin token: say something"));
            }
        }
        if (diagnostics.HasErrors)
        {
            throw new DiagnosticException(diagnostics, problem is null ? FailureKind.InvalidInput : FailureKind.Usage);
        }
    }

    private static Tokenizer CreateTokenizer(LoadedProgram program) => program.Image.Tokenizer is { } data
        ? Tokenizer.Create(data)
        : throw new DiagnosticException(Diagnostic.Error(NoTokenizer, "the program has no tokenizer", null, "compile the model from a GGUF file with a tokenizer, or run the program with --inputs"));
}
