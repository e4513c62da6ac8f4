using TransformerCc.Isa;
using TransformerCc.Runtime.Checking;

namespace TransformerCc.Tool.Verbs;

internal static class Findings
{
    /// <summary>Prints what checking mode found; the exit code it means.</summary>
    public static int Report(ToolContext tool, IReadOnlyList<Finding> findings)
    {
        tool.Report(findings.Select(f => Diagnostic.Error("TCC7006", $"{Name(f.Kind)}: {f.Message}")));
        return findings.Count == 0 ? 0 : (int)FailureKind.Failed;
    }

    /// <summary>What a run can find; the static findings have their own diagnostics.</summary>
    private static string Name(FindingKind kind) => kind switch
    {
        FindingKind.UninitialisedRead => "read of uninitialised memory",
        FindingKind.Race => "race",
        FindingKind.UnwrittenOutput => "output not written",
        _ => kind.ToString(),
    };
}
