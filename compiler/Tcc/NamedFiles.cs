using System.CommandLine;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Files;

namespace TransformerCc.Tool;

internal enum FileUse { Input, Output }

/// <summary>
/// An argument or option that names files or folders, and whether they are read or written. Before a verb begins, the command line
/// tells the ledger all of them: what would be lost is refused while there is no work done yet. A test finds options that name files
/// and are none of these.
/// </summary>
internal interface INamesFiles
{
    FileUse Use { get; }

    IEnumerable<string> Paths(ParseResult parse);
}

/// <summary>A file that is read.</summary>
internal sealed class FileArgument(string name) : Argument<string>(name), INamesFiles
{
    public FileUse Use => FileUse.Input;

    public IEnumerable<string> Paths(ParseResult parse) => parse.GetValue(this) is { } path ? [path] : [];
}

/// <summary>A file or a folder.</summary>
internal sealed class FileOption(string name, FileUse use, params string[] aliases) : Option<string?>(name, aliases), INamesFiles
{
    public FileUse Use => use;

    public IEnumerable<string> Paths(ParseResult parse) => parse.GetValue(this) is { } path ? [path] : [];
}

/// <summary>A chip file, where it is not the name of a preset.</summary>
internal sealed class ChipOption() : Option<string?>("--chip"), INamesFiles
{
    public FileUse Use => FileUse.Input;

    public IEnumerable<string> Paths(ParseResult parse) =>
        parse.GetValue(this) is { } chip && !ChipDescriptions.PresetNames.Contains(chip) ? [chip] : [];
}

/// <summary>Several files, each a part of the option's values.</summary>
internal sealed class FilesOption(string name, FileUse use, Func<string, string> pathOf) : Option<string[]>(name), INamesFiles
{
    public FileUse Use => use;

    public IEnumerable<string> Paths(ParseResult parse) => (parse.GetValue(this) ?? []).Select(pathOf);
}

internal static class NamedFiles
{
    /// <summary>More unchanged files than these are only counted.</summary>
    private const int MostNamed = 4;

    /// <exception cref="Isa.DiagnosticException">TCC4003, TCC4004: an output is an input, or another output.</exception>
    public static void Tell(ParseResult parse, FileLedger ledger)
    {
        Command verb = parse.CommandResult.Command;
        if (parse.Action != verb.Action)
        {
            return; // help and version run in place of the verb, and its arguments may be missing
        }
        INamesFiles[] all = [.. verb.Arguments.OfType<INamesFiles>(), .. verb.Options.OfType<INamesFiles>()];
        foreach (string path in PathsOf(FileUse.Input))
        {
            ledger.AddInput(path);
        }
        foreach (string path in PathsOf(FileUse.Output))
        {
            ledger.AddOutput(path);
        }

        IEnumerable<string> PathsOf(FileUse use) => all.Where(n => n.Use == use).SelectMany(n => n.Paths(parse)).Where(p => p.Length > 0);
    }

    /// <summary>Says which outputs were there already: their time stamps are old.</summary>
    public static void ReportUnchanged(ToolContext tool, FileLedger ledger)
    {
        foreach (string path in ledger.Unchanged.Take(MostNamed))
        {
            tool.Error.WriteLine($"tcc: {path} is unchanged");
        }
        if (ledger.Unchanged.Count > MostNamed)
        {
            tool.Error.WriteLine(FormattableString.Invariant($"tcc: {ledger.Unchanged.Count - MostNamed} more files are unchanged"));
        }
    }
}
