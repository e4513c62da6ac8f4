using TransformerCc.Verification;

namespace TransformerCc.Tool.Output;

/// <summary>The table of verify, with a line in words for everything that a number alone would not say.</summary>
internal static class VerificationText
{
    public static void Write(TextWriter output, VerificationResult result, IReadOnlyList<NextStep> next)
    {
        StageText.Write(output, result.Stages);
        var table = new TextTable("case", "output", ">max abs error", ">of allowed", ">cosine", ">SNR dB", ">argmax", "verdict");
        foreach (CaseResult c in result.Cases)
        {
            foreach (OutputComparison o in c.Outputs)
            {
                bool isNumber = o.Problem is null && o.Indices is null;
                table.Add(c.Name, o.Name, isNumber ? Numbers.Short(o.Errors.MaxAbsolute) : "-", o.ShareOfAllowed is double allowed ? Numbers.Percent(allowed) : isNumber ? "exact" : "-",
                    isNumber ? Numbers.Fixed(o.Errors.Cosine, 6) : "-", isNumber ? StageText.SignalToNoise(o.Errors) : "-",
                    o.ArgmaxAgreement is double share ? Numbers.Percent(share) : "-", Verdict(o));
            }
        }
        table.Write(output);
        foreach (CaseResult c in result.Cases)
        {
            WriteRemarks(output, $"case {c.Name}", c.Outputs);
            foreach (string finding in c.Findings)
            {
                output.WriteLine($"{c.Name}: {finding}");
            }
        }
        output.WriteLine($"against {result.Against}; {Verbs.VerifyVerb.RuleText(result.Rule)}");
        output.WriteLine("of allowed: the largest error as a share of what this rule allows; above 100 % an output fails");
        output.WriteLine($"{result.Cases.Count(c => c.Passed)} of {result.Cases.Count} cases pass");
        WriteNext(output, next);
    }

    /// <summary>One word, and for indices how many rows differ.</summary>
    public static string Verdict(OutputComparison o)
    {
        string word = o.Passed ? "pass" : "FAIL";
        return o.Problem is { } problem ? $"{word}: {problem}"
            : o.Indices is not { Differing: > 0 } i ? word
            : FormattableString.Invariant($"{word}: {i.Differing} of {i.Rows} rows differ, {(i.Allowed == i.Differing ? "all where" : $"{i.Allowed} of them where")} the scores are nearly equal");
    }

    /// <summary>The words of each output that has some.</summary>
    public static void WriteRemarks(TextWriter output, string name, IReadOnlyList<OutputComparison> outputs)
    {
        foreach (OutputComparison o in outputs)
        {
            foreach (string remark in o.Remarks)
            {
                output.WriteLine($"{name}, output {o.Name}: {remark}");
            }
        }
    }

    private static void WriteNext(TextWriter output, IReadOnlyList<NextStep> next)
    {
        if (next.Count == 0)
        {
            return;
        }
        output.WriteLine();
        output.WriteLine("next, in this order:");
        foreach (NextStep step in next)
        {
            output.WriteLine($"  {step.Command}");
            output.WriteLine($"      {step.Why}");
        }
    }
}
