using TransformerCc.Verification.Accuracy;
using TransformerCc.Isa;

namespace TransformerCc.Tool.Output;

internal sealed record NodeAccuracyDocument(string Case, string Rule, bool Passed, double MinSnrDb, string? FirstBelow, IReadOnlyList<OutputDocument> Outputs, IReadOnlyList<NodeErrorDocument> Nodes, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static NodeAccuracyDocument Of(NodeAccuracyReport r, bool passed, DiagnosticList diagnostics) => new(r.Case, Verbs.VerifyVerb.RuleText(r.Rule), passed, r.LeastSignalToNoise, r.FirstBelow?.Value,
        [.. r.Outputs.Select(OutputDocument.Of)], [.. r.Nodes.Select(NodeErrorDocument.Of)], [.. diagnostics.Select(DiagnosticDocument.Of)]);
}

internal sealed record NodeErrorDocument(string Node, string Operator, IReadOnlyList<string> Sources, int Order, double SnrDb, double Cosine, double MaxAbsError, double AddedSnrDb, double AddedMaxAbsError, double OperandNoise, double InsideNoise, long Saturated, string Cause)
{
    public static NodeErrorDocument Of(NodeAccuracy n) => new(n.Value, n.Operator, n.Sources, n.Order, n.Total.SignalToNoise, n.Total.Cosine, n.Total.MaxAbsolute, n.Added.SignalToNoise, n.Added.MaxAbsolute, n.OperandNoise, n.InsideNoise, n.Saturated, AccuracyText.Cause(n.Cause));
}

internal sealed record BisectDocument(string Case, BisectRowDocument Base, BisectRowDocument All, IReadOnlyList<BisectRowDocument> Groups, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static BisectDocument Of(BisectReport r, DiagnosticList diagnostics) =>
        new(r.Case, BisectRowDocument.Of(r.Base), BisectRowDocument.Of(r.All), [.. r.Groups.Select(BisectRowDocument.Of)], [.. diagnostics.Select(DiagnosticDocument.Of)]);
}

internal sealed record BisectRowDocument(string? Group, int Nodes, double GainDb, double SnrDb, double MaxAbsError)
{
    public static BisectRowDocument Of(BisectRow r) => new(r.Group, r.Nodes, r.Gain, r.SignalToNoise, r.MaxAbsolute);
}
