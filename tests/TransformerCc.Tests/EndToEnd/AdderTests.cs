using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.EndToEnd;

/// <summary>The whole path on the model of the repository: always there, so always tested.</summary>
public sealed class AdderTests
{
    [Theory]
    [InlineData("tx1", Precision.F32)]
    [InlineData("tx1", Precision.BF16)]
    [InlineData("tx1-edge", Precision.F32)]
    [InlineData("tx1-edge", Precision.BF16)]
    [InlineData("tiny", Precision.BF16)]
    public void Cases_agree_in_checking_mode(string chip, Precision precision) =>
        ModelRun.Check(TestData.AdderModel, TestData.AdderFolder, TestChips.Of(chip), precision, _ => 1e-3, classifies: false);

    [Fact]
    public void Two_compilations_give_the_same_bytes_whatever_the_culture_and_folder()
    {
        byte[] first = Compile();
        CultureInfo culture = CultureInfo.CurrentCulture;
        string folder = Directory.GetCurrentDirectory();
        var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        german.NumberFormat.NumberDecimalSeparator = ",";
        german.NumberFormat.NegativeSign = "~";
        try
        {
            CultureInfo.CurrentCulture = german;
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
