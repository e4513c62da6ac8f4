using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.EndToEnd;

/// <summary>What the whole path must not depend on. The cases on the presets are run through the command line's tests.</summary>
public sealed class AdderTests
{
    /// <summary>On a chip whose scratchpads cut every tile, and whose weight ring turns often.</summary>
    [Theory]
    [InlineData(Precision.F32)]
    [InlineData(Precision.BF16)]
    public void Tiny_chip_computes_the_same(Precision precision)
    {
        var compile = new CompileOptions { Chip = TestChips.Tiny, Precision = precision };
        VerificationResult result = ModelVerifier.VerifyModel(TestData.AdderModel, compile, new VerifyOptions { CasesFolder = TestData.AdderFolder, Check = true }, []);
        Assert.True(result.Passed, string.Join("\n", result.Cases.SelectMany(c => c.Findings)));
    }

    [Fact]
    public void Culture_and_working_directory_leave_no_trace_in_the_binary()
    {
        byte[] first = Compile();
        CultureInfo culture = CultureInfo.CurrentCulture;
        string folder = Directory.GetCurrentDirectory();
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = ",";
        other.NumberFormat.NegativeSign = "~";
        try
        {
            CultureInfo.CurrentCulture = other;
            Directory.SetCurrentDirectory(Path.GetTempPath());
            Assert.Equal(first, Compile());
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
            Directory.SetCurrentDirectory(folder);
        }
    }

    private static byte[] Compile()
    {
        ProgramImage image = CompilerDriver.Compile(TestData.AdderModel, new CompileOptions { Chip = ChipDescriptions.Load("tx1"), Recorded = ["--chip tx1"] }, []).Image!;
        using var folder = new TemporaryFolder();
        string binary = Path.Combine(folder.FullName, "adder.bin");
        ProgramFile.Write(binary, image);
        return File.ReadAllBytes(binary);
    }
}
