using TransformerCc.Verification;
using Xunit.Sdk;

namespace TransformerCc.Tests;

/// <summary>Protects the snapshot tests themselves: a difference must fail, and only the switch may accept it.</summary>
public sealed class SnapshotTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Missing_snapshot_fails_and_leaves_what_was_received()
    {
        Assert.Throws<XunitException>(() => Snapshot.Match("text", _folder.FullName, "A.B", accept: false));
        Assert.Equal("text\n", File.ReadAllText(Path.Combine(_folder.FullName, "A.B.received.txt")));
    }

    [Fact]
    public void Accepted_snapshot_matches_whatever_its_line_ends()
    {
        Snapshot.Match("one\r\ntwo", _folder.FullName, "A.B", accept: true);
        Snapshot.Match("one\ntwo\n", _folder.FullName, "A.B", accept: false);
        Assert.Equal(["A.B.verified.txt"], Directory.GetFiles(_folder.FullName).Select(Path.GetFileName));
    }

    [Fact]
    public void Difference_names_the_line()
    {
        Snapshot.Match("one\ntwo\nthree", _folder.FullName, "A.B", accept: true);
        XunitException e = Assert.Throws<XunitException>(() => Snapshot.Match("one\n2\nthree", _folder.FullName, "A.B", accept: false));
        Assert.Contains("line 2 differs\n- two\n+ 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Adder_is_found() => Assert.True(File.Exists(TestData.AdderModel));

    [Fact]
    public void Test_without_its_data_is_skipped_and_says_why()
    {
        Assert.Contains("no/such/data", new DataFactAttribute("no/such/data").Skip, StringComparison.Ordinal);
        Assert.Contains("no/such/data", new DataTheoryAttribute("no/such/data").Skip, StringComparison.Ordinal);
        Assert.Null(new DataFactAttribute().Skip);
    }
}
