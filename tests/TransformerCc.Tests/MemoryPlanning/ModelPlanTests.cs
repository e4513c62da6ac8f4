using TransformerCc.Compiler;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Tests.MemoryPlanning;

/// <summary>Plans of real models take hardly more than what is alive at once.</summary>
public sealed class ModelPlanTests
{
    [DataTheory("models")]
    [InlineData("tx1")]
    [InlineData("tx1-edge")]
    public void Plans_are_within_a_twentieth_of_the_live_peak(string chip)
    {
        foreach (string model in Directory.GetFiles(TestData.Get("models"), "*.onnx", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            CompilationResult compiled = CompilerDriver.Compile(model, new CompileOptions { Chip = ChipDescriptions.Load(chip), StopAfter = "schedule" }, []);
            Assert.All(compiled.Report.Memory, use => Assert.True(use.Peak <= use.LowerBound * 1.05, $"{model}: {use}"));
        }
    }
}
