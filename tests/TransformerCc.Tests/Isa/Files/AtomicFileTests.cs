using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Verification;
using Xunit;

namespace TransformerCc.Tests.Isa.Files;

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

    /// <summary>Build systems look at times: what did not change is not to look new.</summary>
    [Theory]
    [InlineData(1, null, false)]
    [InlineData(1, 0, true)]
    [InlineData(200_000, null, false)]
    [InlineData(200_000, 0, true)]
    [InlineData(200_000, 65_536, true)]
    [InlineData(200_000, 199_999, true)]
    [InlineData(0, null, true)]
    public void Only_other_bytes_replace_a_file(int length, int? changed, bool isNew)
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        DateTime old = new(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, old);
        if (changed is int at)
        {
            bytes[at] ^= 1;
        }
        using FileLedger ledger = FileLedger.Begin();
        AtomicFile.Write(path, stream => stream.Write(bytes));
        Assert.Equal(bytes, File.ReadAllBytes(path));
        Assert.Equal(isNew, File.GetLastWriteTimeUtc(path) != old);
        Assert.Equal(isNew ? [] : [path], ledger.Unchanged);
        Assert.Single(Directory.GetFiles(_folder.FullName));
    }

    [Theory]
    [InlineData(9)]
    [InlineData(11)]
    public void A_shorter_or_longer_file_is_another_one(int length)
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        File.WriteAllBytes(path, new byte[10]);
        AtomicFile.Write(path, stream => stream.Write(new byte[length]));
        Assert.Equal(length, new FileInfo(path).Length);
    }

    /// <summary>What a writer went back to, as the binary's does to its header, counts as it is at the end.</summary>
    [Fact]
    public void A_file_written_out_of_order_is_compared_as_it_is_at_the_end()
    {
        string path = Path.Combine(_folder.FullName, "out.bin");
        using FileLedger ledger = FileLedger.Begin();
        for (int i = 0; i < 2; i++)
        {
            AtomicFile.Write(path, stream =>
            {
                stream.Write([0, 0, 3, 4]);
                stream.Position = 0;
                stream.Write([1, 2]);
            });
        }
        Assert.Equal<byte>([1, 2, 3, 4], File.ReadAllBytes(path));
        Assert.Equal([path], ledger.Unchanged);
    }
}
