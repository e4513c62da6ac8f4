using System.Text.Json.Serialization;
using TransformerCc.Isa;
using TransformerCc.Verification;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Tool.Output;

// The shapes of the --json documents. Names are stable: scripts read them.

internal sealed record DiagnosticDocument(string Severity, string Code, string Message, string? Location, string? Help)
{
    public static DiagnosticDocument Of(Diagnostic d) => new(d.Severity switch { DiagnosticSeverity.Error => "error", DiagnosticSeverity.Warning => "warning", _ => "note" }, d.Code, d.Message, d.Location, d.Help);
}

internal sealed record FailureDocument(int ExitCode, IReadOnlyList<DiagnosticDocument> Diagnostics);

/// <param name="NextSteps">Commands that look for what is wrong, the first one first; empty when nothing is, or no command would help.</param>
internal sealed record VerificationDocument(
    string Against, string Rule, bool Passed, IReadOnlyList<StageDocument> Stages, IReadOnlyList<CaseDocument> Cases, IReadOnlyList<NextStep> NextSteps, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static VerificationDocument Of(VerificationResult r, IReadOnlyList<NextStep> nextSteps, DiagnosticList diagnostics) =>
        new(r.Against, Verbs.VerifyVerb.RuleText(r.Rule), r.Passed, [.. r.Stages.Select(StageDocument.Of)], [.. r.Cases.Select(CaseDocument.Of)], nextSteps, [.. diagnostics.Select(DiagnosticDocument.Of)]);
}

internal sealed record StageDocument(string Name, string? Program, bool Passed, double? MaxAbsError, double? SnrDb, string Allowed, IReadOnlyList<DiagnosticDocument> Failures)
{
    public static StageDocument Of(StageResult s) => new(s.Name, s.Program, s.Passed, s.Errors?.MaxAbsolute, s.Errors?.SignalToNoise, s.Tolerance.ToString(), [.. s.Failures.Select(DiagnosticDocument.Of)]);
}

internal sealed record CaseDocument(string Name, string Shapes, bool Passed, long Instructions, IReadOnlyList<OutputDocument> Outputs, IReadOnlyList<string> Findings)
{
    public static CaseDocument Of(CaseResult c) => new(c.Name, c.Shapes, c.Passed, c.Instructions, [.. c.Outputs.Select(OutputDocument.Of)], c.Findings);
}

/// <param name="MaxRelError">Of single elements: near a golden of 0 it is large and says nothing, and no verdict rests on it.</param>
/// <param name="OfAllowed">The largest error as a share of what the rule allows; above 1 the output fails.</param>
/// <param name="Indices">Of an output of indices that is judged by its scores.</param>
/// <param name="Remarks">What the verdict rests on, in words.</param>
internal sealed record OutputDocument(
    string Name, bool Passed, double MaxAbsError, double MaxRelError, double? OfAllowed, double MaxGolden, double Cosine, double SnrDb, double? ArgmaxAgreement,
    IndicesDocument? Indices, string? Problem, IReadOnlyList<string> Remarks)
{
    public static OutputDocument Of(OutputComparison o) =>
        new(o.Name, o.Passed, o.Errors.MaxAbsolute, o.Errors.MaxRelative, o.ShareOfAllowed, o.Errors.MaxGolden, o.Errors.Cosine, o.Errors.SignalToNoise, o.ArgmaxAgreement,
            o.Indices is { } indices ? IndicesDocument.Of(indices) : null, o.Problem, o.Remarks);
}

/// <param name="Allowed">How many of the differing rows may differ, because the scores of both candidates are nearly equal.</param>
/// <param name="Differences">The first of them.</param>
internal sealed record IndicesDocument(string Scores, long Rows, long Differing, long Allowed, IReadOnlyList<IndexDifferenceDocument> Differences)
{
    public static IndicesDocument Of(IndexAgreement i) => new(i.Scores, i.Rows, i.Differing, i.Allowed, [.. i.Differences.Select(d => new IndexDifferenceDocument(d.Row, d.Actual, d.Golden, d.IsAllowed, d.Reason))]);
}

internal sealed record IndexDifferenceDocument(IReadOnlyList<long> Row, long Actual, long Golden, bool Allowed, string Reason);

/// <summary>Source-generated, so that the tool stays free of reflection. Infinities and NaN are written as strings.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    WriteIndented = true,
    NewLine = "\n")]
[JsonSerializable(typeof(FailureDocument))]
[JsonSerializable(typeof(VerificationDocument))]
[JsonSerializable(typeof(NodeAccuracyDocument))]
[JsonSerializable(typeof(BisectDocument))]
[JsonSerializable(typeof(CompilationDocument))]
[JsonSerializable(typeof(BinaryDocument))]
[JsonSerializable(typeof(SoundnessDocument))]
[JsonSerializable(typeof(ModelDocument))]
[JsonSerializable(typeof(ConformanceDocument))]
[JsonSerializable(typeof(EstimateDocument))]
[JsonSerializable(typeof(GenerationDocument))]
[JsonSerializable(typeof(PlanDocument))]
internal sealed partial class ToolJson : JsonSerializerContext;
