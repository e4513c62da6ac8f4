using TransformerCc.Compiler;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Gguf;

/// <summary>examples/adder/adder.gguf is the same model as adder.onnx.</summary>
public sealed class AdderGgufTests
{
    private static readonly string s_path = Path.Combine(TestData.AdderFolder, "adder.gguf");

    /// <summary>TCC_ACCEPT_SNAPSHOTS=1 writes the file anew.</summary>
    [Fact]
    public void The_file_is_made_from_the_onnx_model()
    {
        byte[] expected = AdderGguf.Create(TestData.AdderModel).ToBytes();
        if (Environment.GetEnvironmentVariable("TCC_ACCEPT_SNAPSHOTS") == "1")
        {
            File.WriteAllBytes(s_path, expected);
        }
        Assert.Equal(expected, File.ReadAllBytes(s_path));
    }

    [Theory]
    [InlineData(Precision.F32)]
    [InlineData(Precision.BF16)]
    public void Its_logits_are_those_of_the_cases(Precision precision)
    {
        var compile = new CompileOptions { Chip = ChipDescriptions.Load("tx1-edge"), Precision = precision, Gguf = new GgufOptions { AllLogits = true } };
        VerificationResult result = ModelVerifier.VerifyModel(s_path, compile, new VerifyOptions { CasesFolder = TestData.AdderFolder, Check = true }, []);
        Assert.Equal(3, result.Cases.Count);
        Assert.All(result.Cases, c => Assert.True(c.Passed, $"{c.Name}: {string.Join(", ", c.Outputs)}"));
    }
}
