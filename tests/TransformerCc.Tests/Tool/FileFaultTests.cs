using System.Diagnostics;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>Files and folders that are not as they should be: the old file or the whole new one, a message, and nothing beside it.</summary>
public sealed class FileFaultTests : IDisposable
{
    private static readonly string[] s_precisions = ["f32", "bf16"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static void Refused(string output, string? model = null)
    {
        ToolRun run = ToolRun.Of("compile", model ?? TestData.AdderModel, "-o", output);
        Assert.True(run.ExitCode == 3, $"ended with {run.ExitCode}\n{run.Error}");
        Assert.Contains("error TCC", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_that_is_a_folder_stays_one()
    {
        string output = Directory.CreateDirectory(Path.Combine(_folder.FullName, "out.bin")).FullName;
        File.WriteAllText(Path.Combine(output, "kept"), "");
        Refused(output);
        Assert.Equal([output], Directory.GetFileSystemEntries(_folder.FullName));
        Assert.Single(Directory.GetFileSystemEntries(output));
    }

    [Fact]
    public void An_output_below_a_file_or_in_no_folder_is_refused()
    {
        string file = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(file, "kept");
        Refused(Path.Combine(file, "out.bin"));
        Refused(Path.Combine(_folder.FullName, "none", "out.bin"));
        Assert.Equal([file], Directory.GetFileSystemEntries(_folder.FullName));
        Assert.Equal("kept", File.ReadAllText(file));
    }

    /// <summary>A folder that is missing is told by its name, before there is any work.</summary>
    [Fact]
    public void A_missing_folder_is_told_before_the_model_is_read()
    {
        ToolRun run = ToolRun.Of("compile", Path.Combine(_folder.FullName, "no-model.onnx"), "-o", Path.Combine(_folder.FullName, "none", "out.bin"));
        Assert.Equal(3, run.ExitCode);
        Assert.Contains($"error TCC4002: cannot write the file: there is no folder '{Path.Combine(_folder.FullName, "none")}'", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("no-model", run.Error, StringComparison.Ordinal);
    }

    /// <summary>The proc file system lets nobody create files, not even root, for whom no folder is read-only.</summary>
    [Theory]
    [InlineData("/proc/out.bin")]
    [InlineData("/dev/full")]
    [InlineData("/dev/null")]
    public void What_is_no_place_for_a_file_is_refused(string output)
    {
        if (!OperatingSystem.IsWindows())
        {
            Refused(output);
        }
    }

    [Fact]
    public void A_disk_that_is_full_leaves_the_old_file_and_nothing_beside_it()
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        File.WriteAllBytes(path, [1, 2, 3]);
        var e = Assert.Throws<DiagnosticException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[1 << 20]);
            throw new IOException("No space left on device");
        }));
        Assert.Equal("TCC4002", e.Diagnostics[0].Code);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.FullName));
    }

    /// <summary>The buffer's last bytes, too, do not fit: what is closed then fails again.</summary>
    [Theory]
    [InlineData("out.gguf", "synth", "llama", "-o")]
    [InlineData("out.onnx", "synth", "vit-b16", "--shape-only", "-o")]
    public void A_file_that_becomes_too_large_leaves_nothing(string name, params string[] verb)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        // The runtime maps a file of its own unless it may not protect code from writes.
        var environment = new Dictionary<string, string> { ["DOTNET_EnableWriteXorExecute"] = "0" };
        using Process process = ToolProcess.Start([.. verb, Path.Combine(_folder.FullName, name)], environment: environment, shell: "trap '' XFSZ; ulimit -f 64");
        (int exitCode, string error) = ToolProcess.End(process);
        Assert.Equal(3, exitCode);
        Assert.Contains("error TCC4002", error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullName));
    }

    [Fact]
    public void A_model_that_is_a_folder_or_gone_is_refused_and_the_old_binary_stays()
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        File.WriteAllBytes(path, [1, 2, 3]);
        Refused(path, _folder.FullName);
        Refused(path, Path.Combine(_folder.FullName, "gone.onnx"));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.FullName));
    }

    [Fact]
    public void Two_compilations_to_one_output_leave_the_whole_file_of_one()
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        byte[][] alone = [.. s_precisions.Select(precision =>
        {
            ToolRun.Good("compile", TestData.AdderModel, "-o", path, "--precision", precision);
            return File.ReadAllBytes(path);
        })];
        Process[] both = [.. s_precisions.Select(precision => ToolProcess.Start(["compile", TestData.AdderModel, "-o", path, "--precision", precision]))];
        foreach (Process process in both)
        {
            (int exitCode, string error) = ToolProcess.End(process);
            Assert.True(exitCode == 0, error);
            process.Dispose();
        }
        Assert.Contains(alone, file => file.AsSpan().SequenceEqual(File.ReadAllBytes(path)));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.FullName));
    }
}
