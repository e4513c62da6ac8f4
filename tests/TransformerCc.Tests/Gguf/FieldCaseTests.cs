using TransformerCc.Compiler;
using TransformerCc.Isa.Chips;
using TransformerCc.Tests.Tool;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>Models after reports of people who got a wrong answer.</summary>
public sealed class FieldCaseTests : IDisposable
{
    private readonly GgufVariant _variant = new();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _variant.Dispose();
        _folder.Dispose();
    }

    /// <summary>Windows in two of three layers, which rotate by a base of their own.</summary>
    [DataFact("field/25b-gemma3-newer-keys")]
    public void Newer_keys_of_Gemma_3_are_read()
    {
        string folder = TestData.Get("field/25b-gemma3-newer-keys");
        var compile = new CompileOptions { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName), Precision = Precision.F32 };
        VerificationResult result = ModelVerifier.VerifyModel(Path.Combine(folder, "model.gguf"), compile, new VerifyOptions { CasesFolder = folder }, []);
        Assert.NotEmpty(result.Cases);
        Assert.All(result.Cases, c => Assert.True(c.Passed, c.Name));
    }

    /// <summary>The help that is printed leads to a model that compiles.</summary>
    [Fact]
    public void The_printed_way_on_is_a_way_on()
    {
        string model = Path.Combine(_folder.FullName, "model.gguf"), binary = Path.Combine(_folder.FullName, "model.bin");
        Compiler.Exporters.Gguf.SyntheticModel.Create(KeySamples.Shape("llama")).Add("llama.new_trick", 3u).Add("llama.logit_scale", 0.5f).WriteFile(model);
        List<string> arguments = ["compile", model, "-o", binary];
        ToolRun refused = ToolRun.Of([.. arguments]);
        Assert.Equal(3, refused.ExitCode);
        string[] options = [.. refused.Error.Split('\n').Where(l => l.Contains("help: --accept-unknown", StringComparison.Ordinal)).SelectMany(l => l.Trim().Split(' ')[1..3])];
        Assert.Equal(["--accept-unknown", "llama.logit_scale", "--accept-unknown", "llama.new_trick"], options);
        ToolRun accepted = ToolRun.Of([.. arguments, .. options]);
        Assert.Equal(0, accepted.ExitCode);
        Assert.Contains("warning TCC1213: llama.logit_scale = 0.5 is left unread", accepted.Error, StringComparison.Ordinal);
        Assert.Contains("warning TCC1213: llama.new_trick = 3 is left unread", accepted.Error, StringComparison.Ordinal);
        Assert.Contains("--accept-unknown llama.new_trick", ToolRun.Of("inspect", binary).Output, StringComparison.Ordinal);
    }
}
