using TransformerCc.Isa;
using TransformerCc.Verification;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Tool.Output;

/// <summary>A line per stage of a compilation, and what was found at those that are wrong.</summary>
internal static class StageText
{
    public static void Write(TextWriter output, IReadOnlyList<StageResult> stages)
    {
        if (stages.Count == 0)
        {
            return;
        }
        var table = new TextTable("stage", "program", ">max abs error", ">SNR dB", ">allowed", "verdict");
        foreach (StageResult s in stages)
        {
            table.Add(s.Name, s.Program ?? "-", s.Errors is { } e ? Numbers.Short(e.MaxAbsolute) : "-", s.Errors is { } n ? SignalToNoise(n) : "-",
                s.Errors is null ? "-" : s.Tolerance.Short, s.Passed ? "pass" : "FAIL");
        }
        table.Write(output);
        foreach (Diagnostic d in stages.SelectMany(s => s.Failures))
        {
            output.WriteLine(d);
        }
        output.WriteLine("each stage against the one before; stages that change nothing are left out");
        output.WriteLine();
    }

    public static string SignalToNoise(ErrorMeasures errors) => SignalToNoise(errors.SignalToNoise);

    public static string SignalToNoise(double decibels) => double.IsPositiveInfinity(decibels) ? "exact" : Numbers.Fixed(decibels, 1);
}
