using TransformerCc.Verification;
using TransformerCc.Verification.Accuracy;

namespace TransformerCc.Tool.Output;

/// <summary>The tables of verify --per-node and --bisect.</summary>
internal static class AccuracyText
{
    /// <summary>Rows of the table: what adds less is rarely of interest, and --json has it.</summary>
    private const int Rows = 20;

    public static void Write(TextWriter output, NodeAccuracyReport report)
    {
        var table = new TextTable("node", "operator", ">added SNR dB", ">SNR dB", ">cosine", ">max abs error", ">saturated", "cause", "model nodes");
        foreach (NodeAccuracy n in report.Nodes.Where(n => n.Cause != ErrorCause.None).Take(Rows))
        {
            table.Add(n.Value, n.Operator, StageText.SignalToNoise(n.Added), StageText.SignalToNoise(n.Total), Numbers.Fixed(n.Total.Cosine, 6), Numbers.Short(n.Total.MaxAbsolute), Numbers.Count(n.Saturated), Cause(n.Cause), Sources(n));
        }
        table.Write(output);
        int rest = report.Nodes.Count(n => n.Cause != ErrorCause.None) - Rows;
        output.WriteLine(rest > 0 ? $"and {rest} nodes that add less (--json lists them)" : "no other node adds an error");
        output.WriteLine(report.FirstBelow is { } first
            ? $"first node below {Numbers.Fixed(report.LeastSignalToNoise, 0)} dB: {first.Value} = {first.Operator} from {Sources(first)}, {StageText.SignalToNoise(first.Total)} dB"
            : $"no node is below {Numbers.Fixed(report.LeastSignalToNoise, 0)} dB");
        WriteOutputs(output, report.Outputs, report.Case, report.Rule);
    }

    public static void Write(TextWriter output, BisectReport report)
    {
        var table = new TextTable("in f32", ">nodes", ">gain dB", ">SNR dB", ">max abs error");
        foreach (BisectRow row in report.Groups.Prepend(report.All).Prepend(report.Base))
        {
            table.Add(row.Group ?? "nothing", Numbers.Count(row.Nodes), double.IsFinite(row.Gain) ? Numbers.Fixed(Math.Round(row.Gain, 1) + 0, 1) : "-", StageText.SignalToNoise(row.SignalToNoise), Numbers.Short(row.MaxAbsolute));
        }
        table.Write(output);
        output.WriteLine($"all outputs alike, against the reference evaluator; {report.Case}");
    }

    public static string Cause(ErrorCause cause) => cause switch
    {
        ErrorCause.Operands => "operand format",
        ErrorCause.Accumulation => "accumulated rounding",
        ErrorCause.Saturation => "saturation",
        _ => "none",
    };

    private static void WriteOutputs(TextWriter output, IReadOnlyList<OutputComparison> outputs, string name, Tolerance rule)
    {
        foreach (OutputComparison o in outputs)
        {
            output.WriteLine($"output {o.Name}: {StageText.SignalToNoise(o.Errors)} dB, max abs error {Numbers.Short(o.Errors.MaxAbsolute)}, {VerificationText.Verdict(o)}");
        }
        VerificationText.WriteRemarks(output, name, outputs);
        output.WriteLine($"against reference evaluator, {name}; {Verbs.VerifyVerb.RuleText(rule)}");
    }

    private static string Sources(NodeAccuracy node) => node.Sources.Count == 0 ? "(made by the compiler)" : string.Join(", ", node.Sources.Take(2)) + (node.Sources.Count > 2 ? ", …" : "");
}
