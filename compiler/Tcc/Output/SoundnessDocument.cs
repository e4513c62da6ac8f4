using TransformerCc.Isa.BinaryFile;
using TransformerCc.Verification;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc inspect --verify</c> says of a binary.</summary>
internal sealed record SoundnessDocument(string File, bool Sound, IReadOnlyList<ImageCheck> Checks)
{
    /// <summary>Lines of findings of one check in texts; --json has all.</summary>
    private const int MaxLines = 10;

    /// <param name="checks">Of the program; the file was read before, which checks what the file has of its own.</param>
    public static SoundnessDocument Of(string path, ProgramFile file, IEnumerable<ImageCheck> checks)
    {
        var document = new SoundnessDocument(path, true,
        [
            new("checksums, sections, symbols, encodings, loops and branches", $"{file.Sections.Count} sections, {file.Image.EntryPoints.Sum(e => e.Instructions.Length)} instructions", [], []),
            .. checks,
        ]);
        return document with { Sound = document.Checks.All(c => c.Errors.Count == 0) };
    }

    public void WriteText(TextWriter output)
    {
        var table = new TextTable("check", "for", "result");
        foreach (ImageCheck c in Checks)
        {
            table.Add(c.Name, c.Scope, c.Errors.Count > 0 ? $"{c.Errors.Count} errors" : c.Undecided.Count > 0 ? $"holds, {c.Undecided.Count} undecided" : "holds");
        }
        table.Write(output);
        foreach (ImageCheck c in Checks)
        {
            Write(output, "error", c.Errors);
            Write(output, "undecided", c.Undecided);
        }
    }

    private static void Write(TextWriter output, string kind, IReadOnlyList<string> lines)
    {
        foreach (string line in lines.Take(MaxLines))
        {
            output.WriteLine(line.StartsWith(kind, StringComparison.Ordinal) ? line : $"{kind}: {line}");
        }
        if (lines.Count > MaxLines)
        {
            output.WriteLine($"{kind}: and {lines.Count - MaxLines} more (--json lists all)");
        }
    }
}
