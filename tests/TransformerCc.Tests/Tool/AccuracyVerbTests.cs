using System.Text.Json;

namespace TransformerCc.Tests.Tool;

/// <summary>The verify verb where it looks for a fault or for lost accuracy: tables, JSON, exit codes.</summary>
public sealed class AccuracyVerbTests
{
    [Fact]
    public void Every_stage_has_a_line()
    {
        JsonElement[] stages = [.. ToolRun.Good("verify", TestData.AdderModel, "--precision", "f32", "--json").Json().GetProperty("stages").EnumerateArray()];
        Assert.Equal("import", stages[0].GetProperty("name").GetString());
        Assert.Contains(stages, s => s.GetProperty("name").GetString() == "recognize-attention");
        Assert.All(stages, s => Assert.True(s.GetProperty("passed").GetBoolean()));
        Assert.Equal(["tile", "tile", "schedule", "schedule", "binary", "binary"], stages[^6..].Select(s => s.GetProperty("name").GetString()));
        Assert.All(stages[^4..], s => Assert.Equal(("the same bits", 0), (s.GetProperty("allowed").GetString(), s.GetProperty("maxAbsError").GetDouble())));
    }

    [Fact]
    public void Nodes_are_sorted_by_the_error_that_they_add() => Snapshot.Match(ToolRun.Good("verify", TestData.AdderModel, "--per-node", "--atol", "10").Output);

    [Fact]
    public void Groups_are_sorted_by_what_f32_would_gain() => Snapshot.Match(ToolRun.Good("verify", TestData.AdderModel, "--bisect", "--group-by", "operator").Output);

    [Fact]
    public void A_threshold_that_is_given_decides_the_exit_code()
    {
        Assert.Equal(0, ToolRun.Of("verify", TestData.AdderModel, "--per-node", "--min-snr", "1", "--atol", "10").ExitCode);
        ToolRun run = ToolRun.Of("verify", TestData.AdderModel, "--per-node", "--min-snr", "100", "--atol", "10", "--json");
        Assert.Equal(1, run.ExitCode);
        JsonElement document = run.Json();
        Assert.False(document.GetProperty("passed").GetBoolean());
        string first = document.GetProperty("firstBelow").GetString()!;
        Assert.Contains(document.GetProperty("nodes").EnumerateArray(), n => n.GetProperty("node").GetString() == first && n.GetProperty("cause").GetString() == "operand format");
    }

    [Theory]
    [InlineData("--per-node", "--bisect")]
    [InlineData("--min-snr", "10")]
    [InlineData("--group-by", "layer")]
    public void Options_that_do_not_go_together_are_refused(params string[] options)
    {
        ToolRun run = ToolRun.Of(["verify", TestData.AdderModel, .. options]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("TCC7001", run.Error, StringComparison.Ordinal);
    }
}
