using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Verification;
using Xunit;

namespace TransformerCc.Tests.Isa;

/// <summary>A reader of the folder never sees half a file, whatever happens to the writer.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_appears_only_when_it_is_complete()
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            stream.Flush();
            Assert.False(File.Exists(path));
        });
        Assert.Equal<byte>([1], File.ReadAllBytes(path));
        AtomicFile.Write(path, stream => stream.WriteByte(2));
        Assert.Equal<byte>([2], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder.FullName));
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_nothing_else()
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        File.WriteAllBytes(path, [7]);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException("the writer fails");
        }));
        Assert.Equal<byte>([7], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder.FullName));
    }

    [Fact]
    public void A_folder_that_does_not_exist_is_a_diagnostic()
    {
        var e = Assert.Throws<DiagnosticException>(() => AtomicFile.Write(Path.Combine(_folder.FullName, "none", "out.bin"), _ => { }));
        Assert.Equal("TCC4002", e.Diagnostics[0].Code);
    }
}
