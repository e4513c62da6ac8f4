using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>Every verb that takes a file says what it was given in its place, and what to do.</summary>
public sealed class ForeignFileTests : IDisposable
{
    private const string Given = "<given>";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [DataTheory("field/11-not-a-model")]
    [InlineData("lfs.onnx", "a Git LFS pointer to a file of 90.4 MB", "git lfs pull")]
    [InlineData("lfs.gguf", "a Git LFS pointer to a file of 90.4 MB", "git lfs pull")]
    [InlineData("page.gguf", "an HTML page, 'model.Q4_0.gguf at main'", "fetch the file again")]
    [InlineData("error.json", "'{\"error\":\"Repository not found\"}'", "fetch it again")]
    [InlineData("model.safetensors", "a safetensors file", "export the model to ONNX")]
    [InlineData("model.tflite", "a TensorFlow Lite model", "tf2onnx")]
    [InlineData("openvino_model.xml", "a model in OpenVINO's format", "ONNX model")]
    [InlineData("pytorch_model.bin", "a zip archive, as PyTorch checkpoints are", "export the model to ONNX")]
    [InlineData("model.ort", "ONNX Runtime's own format", "ONNX model")]
    [InlineData("ggml-model.bin", "a GGML model from before GGUF", "convert the original model again")]
    [InlineData("empty.onnx", "an empty file", "fetch")]
    public void What_is_no_model_is_called_what_it_is(string name, string kind, string help)
    {
        string path = TestData.Get($"field/11-not-a-model/{name}");
        foreach (string[] verb in (string[][])[["compile", path, "-o", Path.Combine(_folder.FullName, "x.bin")], ["verify", path], ["estimate", path], ["inspect", path]])
        {
            ToolRun run = ToolRun.Of(verb);
            Assert.Equal(3, run.ExitCode);
            Assert.Contains(kind, run.Error, StringComparison.Ordinal);
            Assert.Contains(help, run.Error, StringComparison.Ordinal);
        }
        Assert.Contains(kind, ToolRun.Of("run", path, "--prompt", "x").Error, StringComparison.Ordinal);
    }

    /// <summary>A model in place of a binary is told before the options that are missing.</summary>
    [Fact]
    public void A_model_given_to_run_is_compiled_first()
    {
        ToolRun run = ToolRun.Of("run", TestData.AdderModel);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("not a TX1 binary: it is an ONNX model", run.Error, StringComparison.Ordinal);
        Assert.Contains("compile it first: tcc compile", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TCC1001: not an ONNX model", "compile", Given, "-o", "x.bin")]
    [InlineData("TCC1001: not an ONNX model", "verify", Given)]
    [InlineData("TCC1001: not an ONNX model", "estimate", Given)]
    [InlineData("TCC1001: not an ONNX model", "inspect", Given)]
    [InlineData("TCC4051: not a TX1 binary", "run", Given, "--prompt", "x")]
    [InlineData("TCC4051: not a TX1 binary", "disasm", Given)]
    [InlineData("TCC4051: not a TX1 binary", "inspect", Given, "--verify")]
    [InlineData("TCC4130: not a chip description", "chips", Given)]
    [InlineData("TCC4130: not a chip description", "compile", "<model>", "-o", "x.bin", "--chip", Given)]
    [InlineData("TCC4010: not a NumPy array", "compile", "<model>", "-o", "x.bin", "--const", "tokens=" + Given)]
    [InlineData("TCC3120: not a list of buffers", "plan-memory", Given, "--capacity", "64")]
    [InlineData("not an assembly text", "asm", Given, "-o", "x.bin")]
    [InlineData("TCC4051: not a TX1 binary", "asm", "<text>", "-o", "x.bin", "--weights", Given)]
    public void Every_verb_names_a_page(string message, params string[] arguments)
    {
        string page = Path.Combine(_folder.FullName, "page"), text = Path.Combine(_folder.FullName, "text.tasm");
        File.WriteAllText(page, "<!doctype html><title>Sign in</title>");
        File.WriteAllText(text, "");
        ToolRun run = ToolRun.Of([.. arguments.Select(a => a.Replace(Given, page, StringComparison.Ordinal).Replace("<model>", TestData.AdderModel, StringComparison.Ordinal)
            .Replace("<text>", text, StringComparison.Ordinal).Replace("x.bin", Path.Combine(_folder.FullName, "x.bin"), StringComparison.Ordinal))]);
        Assert.Equal(3, run.ExitCode);
        Assert.Contains($"{message}: it is an HTML page, 'Sign in'\n  at {page}\n  help: fetch the file again", run.Error, StringComparison.Ordinal);
    }

    /// <summary>The way on is a command: with the names as they are, it works.</summary>
    [Fact]
    public void A_model_given_where_a_binary_is_wanted_is_compiled_first()
    {
        string gguf = Path.Combine(_folder.FullName, "tiny.gguf");
        ToolRun.Good("synth", "llama", "--layers", "1", "--width", "32", "--heads", "2", "--ffn", "32", "--vocab", "300", "--context", "32", "-o", gguf);
        foreach (string[] verb in (string[][])[["run", gguf, "--prompt", "x"], ["disasm", gguf], ["inspect", gguf, "--verify"]])
        {
            ToolRun run = ToolRun.Of(verb);
            Assert.Equal(3, run.ExitCode);
            Assert.Contains($"not a TX1 binary: it is a GGUF model\n  at {gguf}\n  help: compile it first: tcc compile {gguf} -o tiny.bin; then give tiny.bin, as in tcc run tiny.bin --prompt TEXT", run.Error, StringComparison.Ordinal);
        }
        Assert.Contains($"tcc compile {TestData.AdderModel} -o adder.bin; then give adder.bin, as in tcc run adder.bin --inputs DIR --outputs DIR",
            ToolRun.Of("run", TestData.AdderModel, "--prompt", "x").Error, StringComparison.Ordinal);

        string binary = Path.Combine(_folder.FullName, "tiny.bin");
        ToolRun.Good("compile", gguf, "-o", binary);
        ToolRun again = ToolRun.Of("compile", binary, "-o", Path.Combine(_folder.FullName, "other.bin"));
        Assert.Equal(3, again.ExitCode);
        Assert.Contains($"not an ONNX model: it is a TX1 binary\n  at {binary}\n  help: it is compiled already: tcc run {binary} runs it", again.Error, StringComparison.Ordinal);
    }
}
