using System.Text;
using System.Text.Json;
using TransformerCc.Tool;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>
/// Wrong calls and broken files end with the exit code that the command line promises, a diagnostic on standard error and
/// nothing on standard output.
/// </summary>
public sealed class FailureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static void ExpectFailure(int exitCode, string code, params string[] arguments)
    {
        ToolRun run = ToolRun.Of(arguments);
        Assert.True(run.ExitCode == exitCode, $"{string.Join(' ', arguments)} ended with {run.ExitCode}\n{run.Error}");
        Assert.Contains($"error {code}", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData]
    [InlineData("frobnicate")]
    [InlineData("compile")]
    [InlineData("compile", "model.onnx")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--no-such-option")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--precision", "float")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--bind", "batch")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--bind", "batch=-1")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--bind", "batch=1", "batch=2")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--shape", "x=2by3")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--const", "x")]
    [InlineData("compile", "model.onnx", "-o", "x.bin", "--context", "none")]
    [InlineData("run", "model.bin")]
    [InlineData("run", "model.bin", "--inputs", "a", "--outputs", "b", "--set", "past")]
    [InlineData("verify", "model.onnx", "--atol", "-1")]
    [InlineData("asm", "program.tasm")]
    [InlineData("isa", "--format", "html")]
    [InlineData("chips", "--verbose")]
    [InlineData("compile", "model.onnx", "-o", "--verify-each")]
    [InlineData("run", "model.bin", "--prompt", "--max-tokens", "5")]
    public void Usage_errors_end_with_2(params string[] arguments) => ExpectFailure(2, "TCC7001", arguments);

    /// <summary>What looks like an option is a value where it is joined to its option.</summary>
    [Fact]
    public void An_option_is_no_value_unless_it_is_said_to_be()
    {
        ToolRun run = ToolRun.Of("run", "model.bin", "--prompt", "--max-tokens", "5");
        Assert.Contains("--prompt has no value: --max-tokens is an option\n  help: --prompt=--max-tokens where that is the value", run.Error, StringComparison.Ordinal);
        ExpectFailure(3, "TCC4050", "run", Path.Combine(_folder.FullName, "absent.bin"), "--prompt=--max-tokens");
    }

    [Fact]
    public void A_wrong_number_is_told_without_a_type_of_the_library()
    {
        string number = ToolRun.Of("plan-memory", "x.csv", "--capacity", "many").Error, real = ToolRun.Of("run", "x.bin", "--prompt", "x", "--temperature", "warm").Error, optional = ToolRun.Of("synth", "llama", "-o", "x.gguf", "--layers", "two").Error;
        Assert.Contains("'many' for option '--capacity' as a whole number.", number, StringComparison.Ordinal);
        Assert.Contains("'warm' for option '--temperature' as a number.", real, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", optional, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_an_architecture_has_not_is_refused() =>
        ExpectFailure(2, "TCC1210", "synth", "llama", "-o", Path.Combine(_folder.FullName, "x.gguf"), "--with", "no_such.weight");

    /// <summary>Damage to the first bytes of a GGUF file does not make it an ONNX file.</summary>
    [Theory]
    [InlineData("GG", "the file ends inside the magic number")]
    [InlineData("GGUX\u0003\0\0\0", "not a GGUF file")]
    [InlineData("FUGG\0\0\0\u0003", "the file is big-endian")]
    public void A_damaged_beginning_of_a_gguf_file_is_told_as_such(string content, string reason)
    {
        ToolRun run = ToolRun.Of("inspect", Write("model.gguf", Encoding.Latin1.GetBytes(content)));
        Assert.Equal(3, run.ExitCode);
        Assert.Contains(reason, run.Error, StringComparison.Ordinal);
        Assert.Contains(", byte ", run.Error, StringComparison.Ordinal);
    }

    /// <summary>The help of every diagnostic about a chip file names it.</summary>
    [Fact]
    public void The_schema_of_chip_files_is_printed() =>
        Assert.Equal("TX1 chip description", ToolRun.Good("chips", "--schema").Json().GetProperty("title").GetString());

    /// <summary>An alignment that nobody heeds would be a plan that does not hold.</summary>
    [Fact]
    public void Columns_that_the_planner_does_not_know_are_refused()
    {
        ExpectFailure(3, "TCC3120: the columns 'alignment' are not known", "plan-memory", Write("a.csv", "id,lower,upper,size,alignment\na,0,1,8,64\n"u8.ToArray()), "--capacity", "64");
        string plan = ToolRun.Good("plan-memory", Write("b.csv", "id,lower,upper,size\na,0,1,8\n"u8.ToArray()), "--capacity", "64").Output;
        Assert.Equal(plan, ToolRun.Good("plan-memory", Write("c.csv", Encoding.UTF8.GetBytes(plan)), "--capacity", "64").Output);
    }

    [Theory]
    [InlineData("")]
    [InlineData("id,lower,upper,size\n\n")]
    public void A_problem_of_no_buffers_is_refused(string text) => ExpectFailure(3, "TCC3120: the file has no buffers", "plan-memory", Write("none.csv", Encoding.UTF8.GetBytes(text)), "--capacity", "64");

    [Fact]
    public void A_memory_plan_is_written_as_json()
    {
        JsonElement plan = ToolRun.Good("plan-memory", Write("b.csv", "id,lower,upper,size\na,0,2,8\nb,1,3,4\n"u8.ToArray()), "--capacity", "64", "--json").Json();
        Assert.Equal((64, 12, 12), (plan.GetProperty("capacity").GetInt32(), plan.GetProperty("peak").GetInt32(), plan.GetProperty("lowerBound").GetInt32()));
        JsonElement[] buffers = [.. plan.GetProperty("buffers").EnumerateArray()];
        Assert.Equal(["a", "b"], buffers.Select(b => b.GetProperty("id").GetString()));
        Assert.Equal([0, 8], buffers.Select(b => b.GetProperty("offset").GetInt32()).Order());
    }

    [Fact]
    public void A_folder_in_place_of_a_model_is_told_as_such() => ExpectFailure(3, "TCC1001: cannot read the file: it is a folder", "compile", _folder.FullName, "-o", Path.Combine(_folder.FullName, "x.bin"));

    [Theory]
    [InlineData("fp8")]
    [InlineData("int8")]
    [InlineData("int4-weights")]
    public void Precision_that_is_not_built_yet_is_refused(string precision) =>
        ExpectFailure(3, "TCC7004", "compile", TestData.AdderModel, "-o", Path.Combine(_folder.FullName, "x.bin"), "--precision", precision);

    [Fact]
    public void Missing_files_end_with_3()
    {
        string absent = Path.Combine(_folder.FullName, "absent");
        ExpectFailure(3, "TCC", "compile", absent, "-o", Path.Combine(_folder.FullName, "x.bin"));
        ExpectFailure(3, "TCC", "disasm", absent);
        ExpectFailure(3, "TCC", "inspect", absent);
        ExpectFailure(3, "TCC", "asm", absent, "-o", Path.Combine(_folder.FullName, "x.bin"));
        ExpectFailure(3, "TCC", "run", absent, "--inputs", _folder.FullName, "--outputs", Path.Combine(_folder.FullName, "results"));
        ExpectFailure(3, "TCC", "verify", absent);
        ExpectFailure(3, "TCC", "chips", absent);
    }

    [Fact]
    public void Broken_models_end_with_3_and_leave_no_file()
    {
        byte[] good = File.ReadAllBytes(TestData.AdderModel), flipped = [.. good];
        flipped[10] ^= 0xFF;
        byte[][] broken = [[], Encoding.UTF8.GetBytes("not a model"), good[..(good.Length / 2)], flipped];
        string output = Path.Combine(_folder.FullName, "x.bin");
        for (int i = 0; i < broken.Length; i++)
        {
            ExpectFailure(3, "TCC", "compile", Write($"broken{i}.onnx", broken[i]), "-o", output);
            Assert.False(File.Exists(output));
        }
    }

    [Fact]
    public void Broken_assembly_and_chip_end_with_3()
    {
        ExpectFailure(3, "TCC41", "asm", Write("broken.tasm", Encoding.UTF8.GetBytes("mm mm mm\n")), "-o", Path.Combine(_folder.FullName, "x.bin"));
        ExpectFailure(3, "TCC413", "compile", TestData.AdderModel, "-o", Path.Combine(_folder.FullName, "x.bin"), "--chip", Write("chip.json", Encoding.UTF8.GetBytes("{\"name\": 1}")));
    }

    [Fact]
    public void Failure_is_a_json_document_too()
    {
        ToolRun run = ToolRun.Of("inspect", Path.Combine(_folder.FullName, "absent"), "--json");
        JsonElement document = run.Json();
        Assert.Equal(3, document.GetProperty("exitCode").GetInt32());
        Assert.StartsWith("TCC", document.GetProperty("diagnostics")[0].GetProperty("code").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Defect_of_ours_ends_with_70_and_a_report()
    {
        using var output = new BrokenWriter();
        using var error = new StringWriter();
        Assert.Equal(70, CommandLine.Run(["chips"], new ToolContext(output, error, interactive: false)));
        string folder = error.ToString().Split('\n').Single(l => l.StartsWith("  at ", StringComparison.Ordinal))[5..].Trim();
        string report = File.ReadAllText(Path.Combine(folder, "report.txt"));
        Directory.Delete(folder, recursive: true);
        Assert.Contains("command: tcc chips", report, StringComparison.Ordinal);
        Assert.Contains("phase: start", report, StringComparison.Ordinal);
        Assert.Contains("this writer is broken", report, StringComparison.Ordinal);
    }

    private sealed class BrokenWriter : StringWriter
    {
        public override void WriteLine(string? value) => throw new InvalidOperationException("this writer is broken");

        public override void Write(char[] buffer, int index, int count) => throw new InvalidOperationException("this writer is broken");
    }
}
