using System.Globalization;
using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>Problems as the benchmarks of memory allocators are written: CSV with the columns id, lower, upper, size (lifespans half-open).</summary>
public static class PackingFile
{
    /// <summary>First fit takes quadratic time.</summary>
    public const int MaxBuffers = 20_000;

    private const string Header = "id,lower,upper,size", OffsetColumn = ",offset";

    /// <exception cref="DiagnosticException">TCC3120: every line that is no buffer, or why the file as a whole is refused.</exception>
    public static PackingProblem Read(string path, long capacity) => FileKinds.Explained(path, FileRole.Buffers, () => ReadLines(path, capacity));

    private static PackingProblem ReadLines(string path, long capacity)
    {
        var buffers = new List<PackedBuffer>();
        var diagnostics = new DiagnosticList();
        var ids = new HashSet<string>(StringComparer.Ordinal);
        int number = 0;
        using var reader = new StreamReader(InputFile.Open(path), Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            number++;
            string text = line.Trim();
            if (text.Length == 0)
            {
                continue;
            }
            if (number == 1 && text.Replace(" ", "", StringComparison.Ordinal) is var header && header.StartsWith(Header, StringComparison.OrdinalIgnoreCase))
            {
                // A plan may be planned again; what another column asks for, such as an alignment, would be ignored.
                if (header[Header.Length..] is { Length: > 0 } more && !more.Equals(OffsetColumn, StringComparison.OrdinalIgnoreCase))
                {
                    diagnostics.Add(Diagnostic.Error("TCC3120", $"the columns '{more[1..]}' are not known", $"{path}:1", $"the columns are {Header}"));
                }
                continue;
            }
            if (Parse(text) is not { } buffer)
            {
                diagnostics.Add(Diagnostic.Error("TCC3120", $"'{(text.Length > 60 ? text[..60] + "…" : text)}' is not id,lower,upper,size with 0 <= lower < upper and a size of 0 or more", $"{path}:{number}"));
            }
            else if (!ids.Add(buffer.Id))
            {
                diagnostics.Add(Diagnostic.Error("TCC3120", $"two buffers are called '{buffer.Id}'", $"{path}:{number}"));
            }
            else
            {
                buffers.Add(buffer);
            }
            if (buffers.Count + diagnostics.Count > MaxBuffers)
            {
                diagnostics.Add(Diagnostic.Error("TCC3120", string.Create(CultureInfo.InvariantCulture, $"more than {MaxBuffers} lines"), path));
                break;
            }
        }
        if (buffers.Count == 0 && !diagnostics.HasErrors)
        {
            diagnostics.Add(Diagnostic.Error("TCC3120", "the file has no buffers", path, $"a line for each: {Header}"));
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : new PackingProblem(buffers, capacity);
    }

    /// <summary>The problem with a column for the offsets.</summary>
    public static string Write(PackingProblem problem, PackingSolution solution)
    {
        var text = new StringBuilder(Header).Append(OffsetColumn).Append('\n');
        for (int i = 0; i < problem.Buffers.Count; i++)
        {
            PackedBuffer b = problem.Buffers[i];
            text.Append(CultureInfo.InvariantCulture, $"{b.Id},{b.Lifespan.Lower},{b.Lifespan.Upper},{b.Size},{solution.Offsets[i]}\n");
        }
        return text.ToString();
    }

    /// <summary>Sizes are limited so that no sum of them exceeds 64 bits.</summary>
    private static PackedBuffer? Parse(string line) =>
        line.Split(',') is [var id, var lower, var upper, var size, ..] && id.Length > 0
        && int.TryParse(lower, NumberStyles.Integer, CultureInfo.InvariantCulture, out int from) && int.TryParse(upper, NumberStyles.Integer, CultureInfo.InvariantCulture, out int to)
        && long.TryParse(size, NumberStyles.Integer, CultureInfo.InvariantCulture, out long bytes) && from >= 0 && to > from && bytes is >= 0 and <= long.MaxValue / MaxBuffers / 2
            ? new PackedBuffer(id, new Lifespan(from, to), bytes, Alignment: 1) : null;
}
