using Antlr4.Runtime;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>Collects what is wrong with a text, with line and column; after the first fifty, the rest is only noise.</summary>
internal sealed class AssemblyDiagnostics(string location) : BaseErrorListener
{
    private const int MaxDiagnostics = 50;

    private readonly DiagnosticList _list = [];

    public void Report(string code, IToken at, string message, string? help = null) => Add(code, at.Line, at.Column, message, help);

    public void Report(string code, string message, string? help = null) => _list.Add(Diagnostic.Error(code, message, location, help));

    public void ThrowIfAny()
    {
        if (_list.HasErrors)
        {
            throw new DiagnosticException(_list);
        }
    }

    /// <summary>The text of a quoted token.</summary>
    public string Unquote(IToken quoted)
    {
        if (AssemblyText.TryUnquote(quoted.Text, out string? text))
        {
            return text;
        }
        Report("TCC4110", quoted, "a backslash must be followed by a quotation mark, a backslash or uXXXX");
        return "";
    }

    /// <summary>The value of a number token.</summary>
    public long Integer(IToken number, long minimum, long maximum)
    {
        if (!AssemblyText.TryInteger(number.Text, minimum, maximum, out long value))
        {
            Report("TCC4112", number, FormattableString.Invariant($"{number.Text} is no integer from {minimum} to {maximum}"));
        }
        return value;
    }

    public override void SyntaxError(TextWriter output, IRecognizer recognizer, IToken offendingSymbol, int line, int charPositionInLine, string msg, RecognitionException e) =>
        Add("TCC4110", line, charPositionInLine, msg, null);

    private void Add(string code, int line, int column, string message, string? help)
    {
        if (_list.Count < MaxDiagnostics)
        {
            _list.Add(Diagnostic.Error(code, message, FormattableString.Invariant($"{location}:{line}:{column + 1}"), help));
        }
    }
}
