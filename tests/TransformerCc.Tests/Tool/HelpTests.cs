namespace TransformerCc.Tests.Tool;

/// <summary>Help is part of the product: a change of it is read as a diff.</summary>
public sealed class HelpTests
{
    [Fact]
    public void Root() => Snapshot.Match(ToolRun.Good("--help").Output);

    [Theory]
    [InlineData("demo")]
    [InlineData("compile")]
    [InlineData("run")]
    [InlineData("verify")]
    [InlineData("conformance")]
    [InlineData("inspect")]
    [InlineData("disasm")]
    [InlineData("asm")]
    [InlineData("isa")]
    [InlineData("chips")]
    [InlineData("synth")]
    [InlineData("plan-memory")]
    [InlineData("estimate")]
    public void Verb(string verb)
    {
        string help = ToolRun.Good(verb, "--help").Output;
        Assert.Contains($"Example:\n  tcc {verb}", help, StringComparison.Ordinal);
        Snapshot.Match(help, verb);
    }

    [Fact]
    public void Version_is_one_line() => Assert.Matches(@"^tcc \d+\.\d+\.\d+", ToolRun.Good("--version").Output);
}
