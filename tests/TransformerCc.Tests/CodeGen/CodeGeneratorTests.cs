using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Numerics;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Tiling;

namespace TransformerCc.Tests.CodeGen;

/// <summary>The program and the weight section of small graphs.</summary>
public sealed class CodeGeneratorTests
{
    private static CompiledGraph Compile(string name, Precision precision = Precision.BF16) => CompiledGraph.Of(SmallGraphs.Named(name).Parse(), TestChips.Edge, precision);

    [Fact]
    public void Disassembly_of_a_small_model() => Snapshot.Match(Disassembler.Print(Compile("gated_ffn").Image, withSource: true));

    [Fact]
    public void Too_large_a_program_names_the_largest_nodes()
    {
        CompiledGraph good = Compile("block");
        int bytes = good.Image.EntryPoints[0].Instructions.Length * Instruction.Size;
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => CompiledGraph.Of(SmallGraphs.Named("block").Parse(), TestChips.Edge with { Memory = TestChips.Edge.Memory with { ProgramBytes = bytes - Instruction.Size } }, Precision.BF16));
        Diagnostic d = Assert.Single(e.Diagnostics);
        Assert.Equal((FailureKind.DoesNotFit, "TCC3302"), (e.Kind, d.Code));
        Assert.Contains($"by {Instruction.Size}", d.Message, StringComparison.Ordinal);
        Assert.Contains("a: ", d.Location, StringComparison.Ordinal);
        CompiledGraph.Of(SmallGraphs.Named("block").Parse(), TestChips.Edge with { Memory = TestChips.Edge.Memory with { ProgramBytes = bytes } }, Precision.BF16);
    }

    [Fact]
    public void Weights_lie_in_panels_in_the_order_of_use()
    {
        CompiledGraph compiled = Compile("linear");
        var stream = new MemoryStream();
        compiled.Image.Weights.WriteTo(stream);
        Assert.Equal(compiled.Image.Weights.Length, stream.Length);
        long[] order = [.. compiled.Image.EntryPoints[0].Instructions.OfType<LoadWeights>().Select(l => l.Src.Offset)];
        Assert.Equal(order.Order(), order);

        // The first panel is the whole first weight, bf16, each row padded to lines.
        Tensor w = compiled.Graph.Nodes[0].Inputs[1].ConstantData!;
        byte[] bytes = stream.ToArray();
        int rowBytes = 3 * 64;
        for (int k = 0; k < 48; k++)
        {
            var expected = new byte[rowBytes];
            NumericFormat.NarrowFromF32(ElementType.BF16, w.AsSpan<float>().Slice(k * 80, 80), expected.AsSpan(0, 160));
            Assert.Equal(expected, bytes[((int)order[0] + (k * rowBytes))..((int)order[0] + ((k + 1) * rowBytes))]);
        }
    }

    [Fact]
    public void Every_instruction_but_scalar_code_and_synchronisation_has_a_source()
    {
        CompiledGraph compiled = Compile("block");
        Assert.All(compiled.Image.EntryPoints[0].Instructions.Where(i => i.Engine != Engine.Sequencer && i is not (Wait or Post)), i => Assert.NotEqual("", compiled.Image.Debug[i.Tag].Node));
    }
}
