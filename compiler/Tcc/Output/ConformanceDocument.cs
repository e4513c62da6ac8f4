using TransformerCc.Verification;

namespace TransformerCc.Tool.Output;

internal sealed record ConformanceDocument(string Rule, int Passed, int Failed, int Skipped, int Folded, IReadOnlyList<ConformanceTestDocument> Tests)
{
    public static ConformanceDocument Of(IReadOnlyList<ConformanceResult> results, string rule)
    {
        int Count(ConformanceOutcome outcome) => results.Count(r => r.Outcome == outcome);
        return new(rule, Count(ConformanceOutcome.Passed), Count(ConformanceOutcome.Failed), Count(ConformanceOutcome.Skipped), Count(ConformanceOutcome.Folded),
            [.. results.Select(ConformanceTestDocument.Of)]);
    }
}

/// <param name="Outcome">"passed", "failed", "skipped" or "folded".</param>
internal sealed record ConformanceTestDocument(string Name, string Outcome, string? Reason, IReadOnlyList<string> Constants, long Instructions)
{
    public static ConformanceTestDocument Of(ConformanceResult r) => new(r.Name, r.Outcome switch
    {
        ConformanceOutcome.Passed => "passed",
        ConformanceOutcome.Failed => "failed",
        ConformanceOutcome.Skipped => "skipped",
        _ => "folded",
    }, r.Reason, r.Constants, r.Instructions);
}
