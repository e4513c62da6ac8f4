using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Quantization;
using TransformerCc.Tests.Tiling;

namespace TransformerCc.Tests.LongTensors;

/// <summary>
/// No stage after the passes reads weights as a whole: binaries of every lowering are the same, byte for byte, where the
/// constants give their bytes in parts only.
/// </summary>
public sealed class LongWeightTests
{
    public static TheoryData<string> Names => [.. SmallGraphs.All.Select(g => g.Name)];

    public static TheoryData<string> Formats => [.. BlockFormat.All.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Binary_of_long_constants_is_the_same(string name)
    {
        Graph graph = SmallGraphs.Named(name).Parse();
        if (!graph.Nodes.Exists(n => n.Inputs.Exists(v => v.IsConstant)))
        {
            return;
        }
        AssertSame(graph, Precision.BF16);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Binary_of_long_blocks_is_the_same(string name)
    {
        Assert.True(BlockFormat.TryParse(name, out BlockFormat? format));
        AssertSame(BlockWeightTests.Model(format, 2 * format.BlockLength, new Random(6)), Precision.F32);
    }

    private static void AssertSame(Graph graph, Precision precision)
    {
        byte[] expected = Bytes(CompiledGraph.Of(graph, TestChips.Edge, precision).Image);
        // Convolutions lay their weights anew, and fills look at the one number that they repeat.
        MemoryBytes.MakeLong(graph, (node, input) => node.Op is not Conv && node.Inputs[input].ConstantData!.Count > 1);
        Assert.Equal(expected, Bytes(CompiledGraph.Of(graph, TestChips.Edge, precision).Image));
    }

    private static byte[] Bytes(ProgramImage image)
    {
        using var folder = new TransformerCc.Verification.TemporaryFolder();
        string path = Path.Combine(folder.FullName, "g.bin");
        ProgramFile.Write(path, image);
        return File.ReadAllBytes(path);
    }

    [Fact]
    public void Weights_of_a_convolution_are_needed_as_a_whole()
    {
        Graph graph = SmallGraphs.All.First(g => g.Text.Contains("conv(", StringComparison.Ordinal)).Parse();
        MemoryBytes.MakeLong(graph, (node, input) => node.Op is Conv && input == 1);
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => CompiledGraph.Of(graph, TestChips.Edge, Precision.F32)).Diagnostics);
        Assert.Equal(("TCC4030", "memory"), (error.Code, error.Location));
    }
}
