using TransformerCc.Isa;
using TransformerCc.Runtime.Generation;

namespace TransformerCc.Tool.Output;

/// <summary>Answers, and what they took on this host.</summary>
internal sealed record GenerationDocument(IReadOnlyList<AnswerDocument> Answers, RateDocument Prefill, RateDocument Decode, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static GenerationDocument Of(IEnumerable<AnswerDocument> answers, GenerationStatistics statistics, IEnumerable<Diagnostic> diagnostics) =>
        new([.. answers], RateDocument.Prefill(statistics), RateDocument.Decode(statistics), [.. diagnostics.Select(DiagnosticDocument.Of)]);
}

/// <param name="Finish">end, stopString, maxTokens, contextFull.</param>
internal sealed record AnswerDocument(string Prompt, string Text, IReadOnlyList<int> Tokens, string Finish)
{
    public static string NameOf(FinishReason? finish) => finish switch { FinishReason.End => "end", FinishReason.StopString => "stopString", FinishReason.ContextFull => "contextFull", _ => "maxTokens" };
}

/// <summary>Tokens of all sequences together, and the time of the emulation on the host.</summary>
internal sealed record RateDocument(long Tokens, double Seconds, double TokensPerSecond)
{
    public static RateDocument Prefill(GenerationStatistics s) => Of(s.PromptTokens, s.Prefill);

    public static RateDocument Decode(GenerationStatistics s) => Of(s.DecodedTokens, s.Decode);

    private static RateDocument Of(long tokens, TimeSpan time) => new(tokens, time.TotalSeconds, time > TimeSpan.Zero ? tokens / time.TotalSeconds : 0);
}
