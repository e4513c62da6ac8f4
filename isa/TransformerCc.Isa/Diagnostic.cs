namespace TransformerCc.Isa;

public enum DiagnosticSeverity { Note, Warning, Error }

/// <summary>
/// What a person is told about a problem: a stable code (TCC####), the reason, where (node, file, byte offset, line), and
/// what to do about it. Passes and readers collect them; the driver reports all.
/// </summary>
public sealed record Diagnostic(DiagnosticSeverity Severity, string Code, string Message, string? Location = null, string? Help = null)
{
    /// <summary>Inputs of the model whose data, given as constants, would remove the problem; the first is the one to begin with.</summary>
    public IReadOnlyList<string> ConstantsNeeded { get; init; } = [];

    public static Diagnostic Error(string code, string message, string? location = null, string? help = null) => new(DiagnosticSeverity.Error, code, message, location, help);

    public static Diagnostic Warning(string code, string message, string? location = null, string? help = null) => new(DiagnosticSeverity.Warning, code, message, location, help);

    public static Diagnostic Note(string code, string message, string? location = null, string? help = null) => new(DiagnosticSeverity.Note, code, message, location, help);

    public override string ToString()
    {
        string severity = Severity switch { DiagnosticSeverity.Error => "error", DiagnosticSeverity.Warning => "warning", _ => "note" };
        string text = $"{severity} {Code}: {Message}";
        text = Location is null ? text : $"{text}\n  at {Location}";
        return Help is null ? text : $"{text}\n  help: {Help}";
    }
}

/// <summary>Diagnostics in the order found.</summary>
public sealed class DiagnosticList : List<Diagnostic>
{
    public bool HasErrors => Exists(d => d.Severity == DiagnosticSeverity.Error);
}

/// <summary>How much the driver of a verb can say about a failure: thrown with every diagnostic once a stage cannot go on.</summary>
public class DiagnosticException(IReadOnlyList<Diagnostic> diagnostics, FailureKind kind = FailureKind.InvalidInput)
    : Exception(string.Join(Environment.NewLine, diagnostics))
{
    public DiagnosticException(Diagnostic diagnostic, FailureKind kind = FailureKind.InvalidInput) : this([diagnostic], kind) { }

    public IReadOnlyList<Diagnostic> Diagnostics => diagnostics;

    public FailureKind Kind => kind;
}

/// <summary>The exit code of a failure (the numbers are those of the command line).</summary>
public enum FailureKind
{
    /// <summary>Ran, but a trap, a race or a wrong result was found.</summary>
    Failed = 1,
    Usage = 2,
    /// <summary>The input is invalid or unsupported.</summary>
    InvalidInput = 3,
    /// <summary>Does not fit the chip.</summary>
    DoesNotFit = 4,
}
