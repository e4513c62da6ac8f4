using TransformerCc.Isa;

namespace TransformerCc.Tool;

/// <summary>What every verb works with: where results and messages go, and the phase it is in.</summary>
/// <param name="output">Results.</param>
/// <param name="error">Diagnostics and progress.</param>
/// <param name="interactive">Whether <paramref name="error"/> is a terminal: only then is progress shown unasked.</param>
public sealed class ToolContext(TextWriter output, TextWriter error, bool interactive)
{
    public TextWriter Output => output;

    public TextWriter Error => error;

    /// <summary>The phase last begun: a crash report names it.</summary>
    public string Phase { get; private set; } = "start";

    /// <summary>Names the phase that begins; on a terminal, or when <paramref name="verbose"/>, it is shown.</summary>
    public void BeginPhase(string phase, bool verbose)
    {
        Phase = phase;
        if (verbose || interactive)
        {
            error.WriteLine($"tcc: {phase}");
        }
    }

    public void Report(IEnumerable<Diagnostic> diagnostics)
    {
        foreach (Diagnostic d in diagnostics)
        {
            error.WriteLine(d);
        }
    }
}
