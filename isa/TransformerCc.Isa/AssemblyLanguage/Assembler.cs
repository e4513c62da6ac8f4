using System.Collections.Immutable;
using Antlr4.Runtime;
using TransformerCc.Isa.AssemblyLanguage.Generated;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>Reads the assembly language. Every problem of a text is reported at once, with line and column.</summary>
public static class Assembler
{
    /// <summary>Characters of a text: twice what the largest program memory of the presets prints to.</summary>
    public const int MaxLength = 1 << 23;

    /// <summary>Reads a whole image.</summary>
    /// <param name="text">Directives and instructions.</param>
    /// <param name="location">Named in diagnostics, e.g. the file.</param>
    /// <param name="externalWeights">The section that <c>.weights external</c> stands for, when the text holds that directive.</param>
    /// <exception cref="DiagnosticException">TCC4110 to TCC4113: what is wrong, and where.</exception>
    public static ProgramImage Assemble(string text, string location, WeightSection? externalWeights = null)
    {
        var diagnostics = new AssemblyDiagnostics(location);
        var builder = new ImageBuilder(diagnostics, externalWeights);
        foreach (TasmParser.LineContext line in Parse(text, diagnostics).line())
        {
            builder.Add(line);
        }
        ProgramImage? image = builder.Build();
        diagnostics.ThrowIfAny();
        return image!;
    }

    /// <summary>Reads instructions and labels without any directive.</summary>
    /// <exception cref="DiagnosticException">TCC4110 to TCC4113: what is wrong, and where.</exception>
    public static ImmutableArray<Instruction> AssembleInstructions(string text, string location)
    {
        var diagnostics = new AssemblyDiagnostics(location);
        var entry = new EntryBuilder("main", diagnostics);
        foreach (TasmParser.LineContext line in Parse(text, diagnostics).line())
        {
            if (line.directive() is { } directive)
            {
                diagnostics.Report("TCC4112", directive.Start, "only instructions and labels can stand here");
            }
            entry.Add(line);
        }
        EntryPoint built = entry.Build();
        diagnostics.ThrowIfAny();
        return built.Instructions;
    }

    private static TasmParser.FileContext Parse(string text, AssemblyDiagnostics diagnostics)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength)
        {
            diagnostics.Report("TCC4113", $"the text has {text.Length} characters, at most {MaxLength} are read");
            diagnostics.ThrowIfAny();
        }
        var lexer = new TasmLexer(CharStreams.fromString(text)); // cannot fail: its last rule takes any character
        lexer.RemoveErrorListeners();
        var parser = new TasmParser(new CommonTokenStream(lexer));
        parser.RemoveErrorListeners();
        parser.AddErrorListener(diagnostics);
        TasmParser.FileContext file = parser.file();
        diagnostics.ThrowIfAny();
        return file;
    }
}
