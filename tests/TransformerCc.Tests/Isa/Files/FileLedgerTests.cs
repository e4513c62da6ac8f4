using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Tests.Isa.Files;

/// <summary>One file is one file however it is spelled, and a command does not write what it reads.</summary>
public sealed class FileLedgerTests : IDisposable
{
    private readonly LinkedFolder _folder = new();

    public FileLedgerTests()
    {
        _folder.File("a/x", [1]);
        _folder.File("a/y", [1]);
        _folder.Links("a/link -> x; a/chain -> link; b -> a; c/up -> ..; a/dangling -> new; a/circle -> circle");
    }

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string, bool> Spellings() => new()
    {
        { "a/x", "a/x", true },
        { "a/x", "a/./x", true },
        { "a/x", "a/../a/x", true },
        { "a/x", "a//x", true },
        { "a/x", "a/link", true },
        { "a/x", "a/chain", true },
        { "a/link", "a/chain", true },
        { "a/x", "b/x", true },
        { "a/x", "b/link", true },
        { "a/x", "c/up/b/chain", true },
        { "a", "b", true },
        { "a", "c/up/b/", true },
        { "a/new", "b/new", true },
        { "a/new", "a/dangling", true },
        { "a/none/new", "b/none/new", true },
        { "a/circle", "b/circle", true },
        { "a/x", "a/y", false },
        { "a/x", "a/X", false },
        { "a/new", "a/newer", false },
        { "a/circle", "a/x", false },
        { "a", "a/x", false },
    };

    [Theory]
    [MemberData(nameof(Spellings))]
    public void Files_are_known_by_what_they_are(string one, string other, bool same)
    {
        if (!same && one.Equals(other, StringComparison.OrdinalIgnoreCase) && File.Exists(_folder[other]))
        {
            return; // a file system without cases: there is one file
        }
        Assert.Equal(same, FileIdentity.Of(_folder[one]).Meets(FileIdentity.Of(_folder[other])));
        using FileLedger ledger = FileLedger.Begin();
        ledger.AddInput(_folder[one]);
        Assert.Equal(same ? FileLedger.OutputIsInput : null, Code(() => ledger.AddOutput(_folder[other])));
        Assert.Equal(same ? FileLedger.OutputIsInput : null, Code(() => ledger.ExpectNoInput(_folder[other])));
        if (!Directory.Exists(_folder[other]) && Directory.Exists(Path.GetDirectoryName(_folder[other])))
        {
            Assert.Equal(same ? FileLedger.OutputIsInput : null, Code(() => AtomicFile.Write(_folder[other], s => s.WriteByte(1))));
        }
    }

    [Fact]
    public void A_hard_link_is_the_same_file()
    {
        if (OperatingSystem.IsLinux())
        {
            using var link = System.Diagnostics.Process.Start("ln", [_folder["a/x"], _folder["a/hard"]]);
            link.WaitForExit();
            Assert.True(FileIdentity.Of(_folder["a/x"]).Meets(FileIdentity.Of(_folder["a/hard"])));
            Assert.True(FileIdentity.Of(_folder["b/link"]).Meets(FileIdentity.Of(_folder["a/hard"])));
            Assert.False(FileIdentity.Of(_folder["a/y"]).Meets(FileIdentity.Of(_folder["a/hard"])));
        }
    }

    [Fact]
    public void Two_outputs_are_two_files()
    {
        using FileLedger ledger = FileLedger.Begin();
        ledger.AddOutput(_folder["a/new"]);
        Assert.Equal(FileLedger.OutputsAreOne, Code(() => ledger.AddOutput(_folder["b/new"])));
        Assert.Null(Code(() => ledger.AddOutput(_folder["b/newer"])));
    }

    /// <summary>A model's data turn up while it is imported: the output that was announced is refused then, not hours later.</summary>
    [Fact]
    public void Reading_what_will_be_written_is_refused()
    {
        using FileLedger ledger = FileLedger.Begin();
        ledger.AddOutput(_folder["a/chain"]);
        Assert.Equal(FileLedger.OutputIsInput, Code(() => InputFile.Open(_folder["b/x"]).Dispose()));
    }

    [Fact]
    public void What_the_command_wrote_itself_is_no_input()
    {
        using FileLedger ledger = FileLedger.Begin();
        string path = _folder["a/scratch"];
        for (byte i = 0; i < 3; i++)
        {
            AtomicFile.Write(path, s => s.WriteByte(i));
            using FileStream stream = InputFile.Open(path);
            Assert.Equal(i, stream.ReadByte());
        }
    }

    [Fact]
    public async Task A_ledger_belongs_to_its_command_and_follows_its_tasks()
    {
        using (FileLedger.Begin())
        {
            await Task.Run(() => InputFile.Open(_folder["a/x"]).Dispose());
            Assert.Equal(FileLedger.OutputIsInput, await Task.Run(() => Code(() => AtomicFile.CheckPlace(_folder["a/link"]))));
        }
        Assert.Null(FileLedger.Current);
        Assert.Null(Code(() => AtomicFile.CheckPlace(_folder["a/link"])));
    }

    /// <summary>A reader or writer that goes around the ledger could lose a file, and nothing would say so.</summary>
    [Fact]
    public void All_files_are_opened_through_the_ledger()
    {
        var ways = new System.Text.RegularExpressions.Regex(@"new FileStream\(|new SafeFileHandle\(|Stream(Reader|Writer)\(path|CreateFromFile\(path|\bFile\.(Open|Read|Write|Create|Append|Copy|Move|Replace)");
        var allowed = new Dictionary<string, string>
        {
            ["InputFile.cs"] = "the one way in",
            ["AtomicFile.cs"] = "the one way out, and its comparison with the old file",
            ["CrashReport.cs"] = "into a new folder of its own",
            ["AdderDemo.cs"] = "the embedded model, into a new folder of its own",
        };
        string[] sources = [.. ((string[])["isa", "compiler", "runtime"]).SelectMany(f => Directory.EnumerateFiles(Path.Combine(TestData.Repository, f), "*.cs", SearchOption.AllDirectories))
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(p => p is "obj" or "bin"))];
        string[] users = [.. sources.Where(f => File.ReadLines(f).Any(l => ways.IsMatch(l))).Select(f => Path.GetFileName(f))];
        Assert.Equal(allowed.Keys.Order(StringComparer.Ordinal), users.Order(StringComparer.Ordinal));
    }

    private static string? Code(Action action) => (Record.Exception(action) as DiagnosticException)?.Diagnostics[0].Code;
}
