using TransformerCc.Isa;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tool.Output;

/// <summary>Answers, and what they took on this host and would take on the chip.</summary>
internal sealed record GenerationDocument(IReadOnlyList<AnswerDocument> Answers, RateDocument Prefill, RateDocument Decode, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static GenerationDocument Of(IEnumerable<AnswerDocument> answers, GenerationStatistics statistics, ChipRates chip, IEnumerable<Diagnostic> diagnostics) =>
        new([.. answers], RateDocument.Prefill(statistics, chip), RateDocument.Decode(statistics, chip), [.. diagnostics.Select(DiagnosticDocument.Of)]);
}

/// <param name="Finish">end, stopString, maxTokens, contextFull.</param>
internal sealed record AnswerDocument(string Prompt, string Text, IReadOnlyList<int> Tokens, string Finish)
{
    public static string NameOf(FinishReason? finish) => finish switch { FinishReason.End => "end", FinishReason.StopString => "stopString", FinishReason.ContextFull => "contextFull", _ => "maxTokens" };
}

/// <summary>Tokens of all sequences together, the time of the emulation on the host, and the rate of the timing model.</summary>
internal sealed record RateDocument(long Tokens, double Seconds, double TokensPerSecond, double EstimatedTokensPerSecond)
{
    public static RateDocument Prefill(GenerationStatistics s, ChipRates chip) => Of(s.PromptTokens, s.Prefill, chip.Prefill);

    public static RateDocument Decode(GenerationStatistics s, ChipRates chip) => Of(s.DecodedTokens, s.Decode, chip.Decode);

    private static RateDocument Of(long tokens, TimeSpan time, double estimate) => new(tokens, time.TotalSeconds, time > TimeSpan.Zero ? tokens / time.TotalSeconds : 0, estimate);
}
