using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Checking;

namespace TransformerCc.Verification;

/// <summary>The static half of checking mode, for every entry point of a program.</summary>
public static class DeadlockCheck
{
    /// <returns>A note for each loop that could not be decided.</returns>
    /// <exception cref="DiagnosticException">TCC6009: the program can deadlock, or uses a semaphore against its rules.</exception>
    public static IReadOnlyList<Diagnostic> Run(ProgramImage image)
    {
        Finding[] findings = [.. image.EntryPoints.SelectMany(StaticChecks.Run)];
        Diagnostic[] errors = [.. findings.Where(f => f.Kind != FindingKind.Undecided).Select(f => Diagnostic.Error("TCC6009", f.Message))];
        return errors.Length > 0
            ? throw new DiagnosticException(errors, FailureKind.Failed)
            : [.. findings.Select(f => Diagnostic.Note("TCC6010", f.Message))];
    }
}
