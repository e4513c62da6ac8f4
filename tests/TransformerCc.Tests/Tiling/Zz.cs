using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Timing;
using TransformerCc.Tests.GraphIR;
using Xunit.Abstractions;
namespace TransformerCc.Tests.Tiling;
public sealed class ZzTests(ITestOutputHelper output)
{
    [Fact]
    public void Zz()
    {
        Graph graph = GraphTexts.Parse(TilingSearchTests.Projections.Replace("ROWS", "512", StringComparison.Ordinal));
        var c = CompiledGraph.Of(graph, TestChips.Default, Precision.BF16, cuts: c => c == "256 rows");
        output.WriteLine(TilePrinter.Print(c.Tiles));
        TimingModel.Run(c.Image, TestChips.Default, new Dictionary<string, long>(), trace: t => output.WriteLine($"{t.Engine} {t.Start:F0} {t.End:F0} {TransformerCc.Isa.AssemblyLanguage.Disassembler.Print(t.Instruction)}"));
    }
}
