using System.Text.Json;
using TransformerCc.Isa;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>What verify says to do next are commands that run as they are printed.</summary>
public sealed class NextStepTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("bf16", "--precision f32", "--per-node", "--bisect")]
    [InlineData("f32", "--precision f32", "--per-node")]
    public void A_result_out_of_tolerance_names_commands_that_run(string precision, params string[] endings)
    {
        string[] steps = Steps(["--cases", TestData.AdderFolder, "--precision", precision, "--atol", "1e-12", "--check", "--json"]);
        Assert.Equal(endings, steps.Select(s => endings.First(e => s.EndsWith(e, StringComparison.Ordinal))));
        foreach (string step in steps)
        {
            Assert.DoesNotContain("--check", step, StringComparison.Ordinal);
            Assert.Contains("--atol 1e-12", step, StringComparison.Ordinal);
            ToolRun run = ToolRun.Of(step.Split(' ')[1..]);
            Assert.True(run.ExitCode is 0 or (int)FailureKind.Failed, $"{step}\n{run.Output}\n{run.Error}");
        }
        // In f32 the compilation itself is in question, so the stages are looked at.
        Assert.Equal(precision == "bf16", steps[0].Contains("--cases", StringComparison.Ordinal));
    }

    [Fact]
    public void The_text_says_which_is_first_and_what_each_tells()
    {
        string output = ToolRun.Of("verify", TestData.AdderModel, "--cases", TestData.AdderFolder, "--atol", "1e-12").Output;
        Assert.Contains("next, in this order:\n  tcc verify ", output, StringComparison.Ordinal);
        Assert.Contains("only the 16-bit formats are at fault", output, StringComparison.Ordinal);
    }

    /// <summary>A binary has one precision and no nodes.</summary>
    [Fact]
    public void For_a_binary_the_model_is_to_be_given()
    {
        string binary = Path.Combine(_folder.FullName, "adder.bin");
        ToolRun.Good("compile", TestData.AdderModel, "-o", binary);
        string output = ToolRun.Of("verify", binary, "--cases", TestData.AdderFolder, "--atol", "1e-12").Output;
        Assert.Contains("  tcc verify MODEL --cases ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("adder.bin", output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_passes_needs_no_step() => Assert.Empty(Steps(["--cases", TestData.AdderFolder, "--json"]));

    /// <summary>No precision brings a golden that is not there.</summary>
    [Fact]
    public void What_no_precision_can_mend_needs_no_step()
    {
        string inputs = Path.Combine(_folder.FullName, "inputs");
        Directory.CreateDirectory(inputs);
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "outputs"));
        File.Copy(Path.Combine(TestData.AdderFolder, "cases", "prompt", "inputs", "tokens.npy"), Path.Combine(inputs, "tokens.npy"));
        Assert.Empty(Steps(["--cases", _folder.FullName, "--json"]));
    }

    private static string[] Steps(string[] options)
    {
        JsonElement document = ToolRun.Of(["verify", TestData.AdderModel, .. options]).Json();
        return [.. document.GetProperty("nextSteps").EnumerateArray().Select(s => s.GetProperty("command").GetString()!)];
    }
}
