using System.Text.Json;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>tcc run --prompt.</summary>
public sealed class GenerationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Binary => Path.Combine(_folder.FullName, "model.bin");

    public void Dispose() => _folder.Dispose();

    [DataFact("gguf")]
    public void A_story_is_told()
    {
        ToolRun.Good("compile", TestData.Get("gguf/stories260k-f32.gguf"), "-o", Binary, "--precision", "f32");

        ToolRun one = ToolRun.Good("run", Binary, "--prompt", "Once upon a time", "--max-tokens", "11");
        Assert.Equal(", there was a little girl named Lily.\n", one.Output);
        Assert.Contains("prefill: 5 tokens in ", one.Error, StringComparison.Ordinal);
        Assert.Contains(" tokens/s estimated on tx1", one.Error, StringComparison.Ordinal);
        Assert.Contains("decode: 10 tokens in ", one.Error, StringComparison.Ordinal);

        ToolRun two = ToolRun.Good("run", Binary, "--prompt", "Once upon a time", "The", "--max-tokens", "11", "--stop", " named", " little");
        string[] lines = two.Output.Split('\n');
        Assert.Equal(["--- 1", ", there was a", "--- 2"], lines[..3]);

        JsonElement json = ToolRun.Good("run", Binary, "--prompt", "Once upon a time", "--max-tokens", "11", "--json").Json();
        JsonElement answer = json.GetProperty("answers")[0];
        Assert.Equal((", there was a little girl named Lily.", "maxTokens", 11), (answer.GetProperty("text").GetString(), answer.GetProperty("finish").GetString(), answer.GetProperty("tokens").GetArrayLength()));
        Assert.Equal(5, json.GetProperty("prefill").GetProperty("tokens").GetInt32());

        Assert.DoesNotContain("tokens/s", ToolRun.Good("run", Binary, "--prompt", "Once upon a time", "--max-tokens", "0").Error, StringComparison.Ordinal);

        string[] draw = ["run", Binary, "--prompt", "Once upon a time", "--max-tokens", "11", "--temperature", "1.5", "--top-k", "20", "--seed"];
        Assert.Equal(ToolRun.Good([.. draw, "1"]).Output, ToolRun.Good([.. draw, "1"]).Output);
        Assert.NotEqual(ToolRun.Good([.. draw, "1"]).Output, ToolRun.Good([.. draw, "2"]).Output);

        ToolRun full = ToolRun.Of("run", Binary, "--prompt", string.Join(' ', Enumerable.Repeat("Once upon a time", 26)), "--max-tokens", "100", "--seed", "1");
        Assert.Equal(1, full.ExitCode);
        Assert.NotEqual("\n", full.Output);
        Assert.Contains("TCC7020: answer 1 ends after ", full.Error, StringComparison.Ordinal);

        Refused("TCC5210: prompt 1 has ", 3, "--prompt", string.Join(' ', Enumerable.Repeat("Once upon a time", 100)));
        Refused("TCC5212", 2, "--prompt", "x", "--top-p", "7");
        Refused("TCC5207", 3, "--prompt", "x", "--chat");
        Refused("TCC7001", 2, "--prompt", "x", "--inputs", _folder.FullName);
        Refused("TCC7001", 2, "--prompt", "x", "--check");
        Refused("TCC7001", 2, "--max-tokens", "3", "--inputs", _folder.FullName, "--outputs", _folder.FullName);
        Refused("TCC7001", 2, "--inputs", _folder.FullName);
        Refused("TCC7001", 2);
    }

    [DataFact("gguf")]
    public void Pages_tell_the_same_story()
    {
        ToolRun.Good("compile", TestData.Get("gguf/stories260k-f32.gguf"), "-o", Binary, "--precision", "f32", "--cache-mode", "paged", "--verify-each");
        Assert.Equal(", there was a little girl named Lily.\n", ToolRun.Good("run", Binary, "--prompt", "Once upon a time", "--max-tokens", "11").Output);
        JsonElement cache = ToolRun.Good("inspect", Binary, "--json").Json().GetProperty("caches")[0];
        Assert.Equal(("paged", 1024), (cache.GetProperty("mode").GetString(), cache.GetProperty("page").GetInt32()));
        Assert.Contains("paged", ToolRun.Good("inspect", Binary).Output, StringComparison.Ordinal);
        ToolRun.Good("estimate", Binary, "--set", "batch=2", "length=1", "past=60", "context=100");
    }

    [Fact]
    public void A_program_that_is_no_language_model_is_refused()
    {
        ToolRun.Good("compile", TestData.AdderModel, "-o", Binary);
        Refused("TCC520", 3, "--prompt", "1 + 1");
    }

    /// <summary>A time for more positions than the caches can have would be of no run.</summary>
    [Theory]
    [InlineData("append")]
    [InlineData("paged")]
    public void No_time_is_told_beyond_the_context(string mode)
    {
        string model = Path.Combine(_folder.FullName, "model.gguf");
        ToolRun.Good("synth", "gemma2", "-o", model, "--layers", "2", "--window", "5");
        ToolRun.Good("compile", model, "-o", Binary, "--context", "64", "--batch", "2", "--cache-mode", mode);
        ToolRun.Good("estimate", Binary, "--set", "batch=1", "length=1", "past=63");
        ToolRun.Good("estimate", Binary, "--set", "batch=2", "length=24", "past=40");
        Beyond("past=64", "length=1");
        Beyond("past=41", "length=24");
        Beyond("past=30", "length=1", "context=30");
        ToolRun none = ToolRun.Of("estimate", Binary);
        Assert.Contains("--set batch=N, 1 to 2", none.Error, StringComparison.Ordinal);
        Assert.Contains("--set length=N, 1 to 64", none.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("--set context=N", none.Error, StringComparison.Ordinal);

        void Beyond(params string[] sizes)
        {
            ToolRun run = ToolRun.Of(["estimate", Binary, "--set", "batch=1", .. sizes]);
            Assert.True(run.ExitCode == 3 && run.Error.Contains("TCC5034", StringComparison.Ordinal), $"{string.Join(' ', sizes)}: {run.ExitCode}\n{run.Error}{run.Output}");
        }
    }

    /// <summary>What is undecided is listed by inspect; before a checked run it would hide the run.</summary>
    [Fact]
    public void A_checked_run_says_in_one_line_how_much_was_not_proved()
    {
        string inputs = Path.Combine(TestData.AdderFolder, "cases", "full-sums", "inputs");
        ToolRun.Good("compile", TestData.AdderModel, "-o", Binary);
        ToolRun run = ToolRun.Good("run", Binary, "--inputs", inputs, "--outputs", Path.Combine(_folder.FullName, "out"), "--check");
        Assert.Single(run.Error.Split('\n'), l => l.StartsWith("note TCC5018", StringComparison.Ordinal));
    }

    private void Refused(string code, int exitCode, params string[] arguments)
    {
        ToolRun run = ToolRun.Of(["run", Binary, .. arguments]);
        Assert.True(run.ExitCode == exitCode && run.Error.Contains(code, StringComparison.Ordinal), $"{string.Join(' ', arguments)}: {run.ExitCode}\n{run.Error}");
    }
}
