using System.Text.Json;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>The adder through every verb, as a user would do it.</summary>
public sealed class WholePathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private string Compile(string name, params string[] options)
    {
        ToolRun.Good(["compile", TestData.AdderModel, "-o", At(name), .. options]);
        return At(name);
    }

    [Fact]
    public void Demo_adds_and_agrees_with_the_reference()
    {
        ToolRun demo = ToolRun.Good("demo");
        Assert.Contains("123+456=0579   right", demo.Output, StringComparison.Ordinal);
        Assert.Contains("10 of 10 sums are right; the outputs agree with the reference evaluator.", demo.Output, StringComparison.Ordinal);
        Assert.Contains("nothing found", demo.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_compilations_give_the_same_bytes() =>
        Assert.Equal(File.ReadAllBytes(Compile("one.bin")), File.ReadAllBytes(Compile("two.bin")));

    [Fact]
    public void Disassembly_assembles_to_the_same_bytes()
    {
        string binary = Compile("adder.bin");
        File.WriteAllText(At("adder.tasm"), ToolRun.Good("disasm", binary).Output);
        ToolRun.Good("asm", At("adder.tasm"), "-o", At("again.bin"), "--weights", binary);
        Assert.Equal(File.ReadAllBytes(binary), File.ReadAllBytes(At("again.bin")));
    }

    [Theory]
    [InlineData("tx1", "f32")]
    [InlineData("tx1", "bf16")]
    [InlineData("tx1-edge", "f32")]
    [InlineData("tx1-edge", "bf16")]
    public void Model_verifies_against_its_goldens(string chip, string precision)
    {
        ToolRun run = ToolRun.Good("verify", TestData.AdderModel, "--cases", TestData.AdderFolder, "--chip", chip, "--precision", precision, "--check", "--json");
        JsonElement document = run.Json();
        Assert.True(document.GetProperty("passed").GetBoolean());
        Assert.Equal(3, document.GetProperty("cases").GetArrayLength());
    }

    [Fact]
    public void Model_verifies_against_the_reference_at_several_sizes()
    {
        ToolRun run = ToolRun.Good("verify", TestData.AdderModel, "--precision", "f32", "--seed", "7");
        Assert.Contains("3 of 3 cases pass", run.Output, StringComparison.Ordinal);
        Assert.Contains("against reference evaluator", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Binary_verifies_with_cases_and_refuses_without()
    {
        string binary = Compile("adder.bin", "--precision", "f32");
        ToolRun run = ToolRun.Good("verify", binary, "--cases", TestData.AdderFolder);
        Assert.Contains("largest error <= 0.0001 x largest |golden|", run.Output, StringComparison.Ordinal);
        Assert.Equal(2, ToolRun.Of("verify", binary).ExitCode);
        Assert.Equal(2, ToolRun.Of("verify", binary, "--cases", _folder.FullName).ExitCode);
    }

    [Fact]
    public void Result_out_of_tolerance_ends_with_1()
    {
        ToolRun run = ToolRun.Of("verify", TestData.AdderModel, "--cases", TestData.AdderFolder, "--atol", "1e-12");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("FAIL", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_writes_an_output_for_each_input_it_gets()
    {
        string binary = Compile("adder.bin"), prompt = Path.Combine(TestData.AdderFolder, "cases", "prompt", "inputs");
        ToolRun run = ToolRun.Good("run", binary, "--inputs", prompt, "--outputs", At("results"), "--check");
        Assert.True(File.Exists(At("results/logits.npy")));
        Assert.Contains("logits: f32[1, 8, 12]", run.Output, StringComparison.Ordinal);
        Assert.Equal(3, ToolRun.Of("run", binary, "--inputs", _folder.FullName, "--outputs", At("results")).ExitCode);
    }

    [Fact]
    public void Broken_binaries_end_with_3()
    {
        byte[] good = File.ReadAllBytes(Compile("adder.bin"));
        int[] flips = [0, 5, 40, good.Length / 2, good.Length - 1];
        foreach (int at in flips)
        {
            byte[] flipped = [.. good];
            flipped[at] ^= 0x10;
            File.WriteAllBytes(At("broken.bin"), flipped);
            Assert.Equal(3, ToolRun.Of("disasm", At("broken.bin")).ExitCode);
        }
        File.WriteAllBytes(At("broken.bin"), good[..^64]);
        Assert.Equal(3, ToolRun.Of("inspect", At("broken.bin")).ExitCode);
    }

    [Fact]
    public void Inspection_of_the_model_counts_what_is_recognised()
    {
        JsonElement fused = ToolRun.Good("inspect", TestData.AdderModel, "--json").Json().GetProperty("fused");
        Assert.Equal((3, 3, 7, 6, 0), (fused.GetProperty("attention").GetInt32(), fused.GetProperty("gated").GetInt32(), fused.GetProperty("rmsNorm").GetInt32(),
            fused.GetProperty("rope").GetInt32(), fused.GetProperty("scoreSoftmax").GetInt32()));
    }

    [Fact]
    public void Inspection_of_a_binary_lists_what_it_holds()
    {
        JsonElement document = ToolRun.Good("inspect", Compile("adder.bin"), "--json").Json();
        Assert.Equal("tx1", document.GetProperty("chip").GetString());
        Assert.Contains("tokens", document.GetProperty("tensors").EnumerateArray().Select(t => t.GetProperty("name").GetString()));
        Assert.True(document.GetProperty("entryPoints")[0].GetProperty("byMnemonic").GetProperty("mm").GetInt32() > 0);
    }

    [Fact]
    public void Compile_reports_as_json_and_stops_where_told()
    {
        JsonElement document = ToolRun.Good("compile", TestData.AdderModel, "-o", At("adder.bin"), "--json", "--verify-each").Json();
        Assert.True(document.GetProperty("instructions").GetInt32() > 0);
        Assert.Equal("bf16", document.GetProperty("precision").GetString());
    }

    [Theory]
    [InlineData("import", "import", "graph \"")]
    [InlineData("graph", "recognize-attention", " = attention")]
    [InlineData("graph", "graph", " = attention")]
    [InlineData("tile", "tile", "tiles for tx1")]
    [InlineData("schedule", "schedule", "acquire=")]
    [InlineData("codegen", "codegen", ".entry")]
    public void Every_stage_prints_what_it_made(string stopAfter, string printAfter, string expected)
    {
        string[] arguments = ["compile", TestData.AdderModel, "--stop-after", stopAfter, "--print-after", printAfter];
        Assert.Contains(expected, ToolRun.Good(arguments).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_stage_and_pass_are_usage_errors()
    {
        Assert.Equal(2, ToolRun.Of("compile", TestData.AdderModel, "--stop-after", "nowhere").ExitCode);
        Assert.Equal(2, ToolRun.Of("compile", TestData.AdderModel, "--stop-after", "graph", "--print-after", "nothing").ExitCode);
    }

    [Fact]
    public void Chips_print_as_a_table_and_as_files_that_compile_reads()
    {
        Assert.Contains("tx1-edge", ToolRun.Good("chips").Output, StringComparison.Ordinal);
        File.WriteAllText(At("chip.json"), ToolRun.Good("chips", "tx1").Output);
        Compile("adder.bin", "--chip", At("chip.json"));
    }

    /// <summary>What-if has no end at the chip's DRAM, but nobody shall take such a time for that of a chip that exists.</summary>
    [Fact]
    public void A_time_is_that_of_a_chip_with_more_memory_where_the_model_does_not_fit()
    {
        File.WriteAllText(At("small.json"), ToolRun.Good("chips", "tx1").Output.Replace("\"dramBytes\": 17179869184", "\"dramBytes\": 1048576", StringComparison.Ordinal));
        ToolRun run = ToolRun.Good("estimate", TestData.AdderModel, "--chip", At("small.json"), "--set", "batch=1024", "length=32", "--json");
        Assert.Contains("warning TCC7014", run.Error, StringComparison.Ordinal);
        Assert.Contains(run.Json().GetProperty("diagnostics").EnumerateArray(), d => d.GetProperty("code").GetString() == "TCC7014");
        Assert.DoesNotContain("TCC7014", ToolRun.Good("estimate", TestData.AdderModel, "--set", "batch=1", "length=8").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("md", "mm")]
    [InlineData("json", "\"mnemonic\"")]
    public void Manual_prints_in_both_formats(string format, string expected) =>
        Assert.Contains(expected, ToolRun.Good("isa", "--format", format).Output, StringComparison.Ordinal);
}
