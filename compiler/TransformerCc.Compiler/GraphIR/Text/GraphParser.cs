using Antlr4.Runtime;
using TransformerCc.Compiler.GraphIR.Text.Generated;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>
/// Reads the text form. Limits on characters, tokens and nesting come first, because the generated parser is recursive
/// and builds a tree; then the grammar; then <see cref="GraphBuilder"/> gives the tree its meaning; then the verifier.
/// </summary>
public static class GraphParser
{
    public const string SyntaxCode = "TCC2020", LimitCode = "TCC2021", MeaningCode = "TCC2022";

    public const int MaxCharacters = 8 << 20, MaxTokens = 1 << 20, MaxNesting = 64;

    /// <summary>Messages given before the rest of a text is not looked at any more.</summary>
    internal const int MaxDiagnostics = 20;

    /// <param name="file">Named in messages.</param>
    /// <exception cref="DiagnosticException">The text is not a well-formed graph; every problem found, up to a limit.</exception>
    public static Graph Parse(string text, string? file = null)
    {
        if (text.Length > MaxCharacters)
        {
            throw new DiagnosticException(Diagnostic.Error(LimitCode, $"the text has {text.Length} characters; at most {MaxCharacters} are read", file));
        }
        var errors = new ErrorCollector(file);
        var lexer = new GraphTextLexer(new AntlrInputStream(text), TextWriter.Null, TextWriter.Null);
        lexer.RemoveErrorListeners();
        lexer.AddErrorListener(errors);
        var tokens = new CommonTokenStream(lexer);
        tokens.Fill();
        errors.ThrowIfAny();
        CheckLimits(tokens, errors);
        var parser = new GraphTextParser(tokens, TextWriter.Null, TextWriter.Null);
        parser.RemoveErrorListeners();
        parser.AddErrorListener(errors);
        GraphTextParser.DocumentContext tree = parser.document();
        errors.ThrowIfAny();
        var builder = new GraphBuilder(errors);
        Graph graph = builder.Build(tree);
        errors.ThrowIfAny();
        DiagnosticList violations = GraphVerifier.Verify(graph);
        return violations.HasErrors ? throw new DiagnosticException(violations) : graph;
    }

    private static void CheckLimits(CommonTokenStream tokens, ErrorCollector errors)
    {
        int depth = 0;
        foreach (IToken token in tokens.GetTokens())
        {
            depth += token.Text switch { "(" or "[" or "{" => 1, ")" or "]" or "}" => -1, _ => 0 };
            if (depth > MaxNesting)
            {
                errors.Report(LimitCode, $"brackets nest deeper than {MaxNesting}", token);
                errors.ThrowIfAny();
            }
        }
        if (tokens.Size > MaxTokens)
        {
            errors.Report(LimitCode, $"the text has {tokens.Size} tokens; at most {MaxTokens} are read", null);
            errors.ThrowIfAny();
        }
    }
}

/// <summary>Collects problems with their place in the text.</summary>
internal sealed class ErrorCollector(string? file) : IAntlrErrorListener<int>, IAntlrErrorListener<IToken>
{
    private readonly DiagnosticList _diagnostics = [];

    public void SyntaxError(TextWriter output, IRecognizer recognizer, int offendingSymbol, int line, int charPositionInLine, string msg, RecognitionException e) =>
        Report(GraphParser.SyntaxCode, msg, line, charPositionInLine);

    public void SyntaxError(TextWriter output, IRecognizer recognizer, IToken offendingSymbol, int line, int charPositionInLine, string msg, RecognitionException e) =>
        Report(GraphParser.SyntaxCode, msg, line, charPositionInLine);

    public void Report(string code, string message, IToken? at) => Report(code, message, at?.Line ?? 1, at?.Column ?? 0);

    public void ThrowIfAny()
    {
        if (_diagnostics.Count > 0)
        {
            throw new DiagnosticException(_diagnostics);
        }
    }

    private void Report(string code, string message, int line, int column)
    {
        string place = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"line {line}, column {column + 1}");
        // Messages quote the text, which may be long.
        string brief = message.Length <= 400 ? message : message[..400] + "…";
        _diagnostics.Add(Diagnostic.Error(code, brief, file is null ? place : $"{file}, {place}"));
        if (_diagnostics.Count >= GraphParser.MaxDiagnostics)
        {
            ThrowIfAny();
        }
    }
}
