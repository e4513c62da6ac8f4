using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Caches;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <summary>
/// Blocks of keys decide bits. Small chips halve them, but all programs of a binary have the same: what else lies in the
/// scratchpads has no say.
/// </summary>
public class KeyBlockTests
{
    /// <summary>The heads that share keys are rows of one tile, which no fewer queries make smaller.</summary>
    private const string Heads = """
        dim batch in 1..64
        input %x : f32[batch, 1, 64]
        input %z : f32[batch, 200, 64]
        const %wq : f32[64, 2048] = #wq
        const %wk : f32[64, 32] = #wk
        const %wv : f32[64, 32] = #wv
        const %wo : f32[2048, 64] = #wo
        %q0 : f32[batch, 1, 2048] = linear(%x, %wq)
        %k0 : f32[batch, 200, 32] = linear(%z, %wk)
        %v0 : f32[batch, 200, 32] = linear(%z, %wv)
        %q : f32[batch, 1, 64, 32] = reshape(%q0) {shape = [batch, 1, 64, 32]}
        %k : f32[batch, 200, 1, 32] = reshape(%k0) {shape = [batch, 200, 1, 32]}
        %v : f32[batch, 200, 1, 32] = reshape(%v0) {shape = [batch, 200, 1, 32]}
        %a : f32[batch, 1, 64, 32] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.17677669, mask = none}
        %m : f32[batch, 1, 2048] = reshape(%a) {shape = [batch, 1, 2048]}
        %y : f32[batch, 1, 64] = linear(%m, %wo, %x) {residual}
        output "y" = %y
        """;

    [Fact]
    public void All_programs_of_a_binary_have_the_same()
    {
        Graph graph = GraphTexts.Parse(Heads);
        var inputs = new Dictionary<string, Tensor> { ["x"] = CacheGraphs.Floats(new Random(3), [1, 1, 64]), ["z"] = CacheGraphs.Floats(new Random(4), [1, 200, 64]) };
        byte[] roomy = Run(graph, TestChips.Default, inputs, "main")!;
        int compared = 0, halved = 0;
        for (int kib = 32; kib <= 256; kib += kib / 8)
        {
            ChipDescription chip = TestChips.Tiny with { Memory = TestChips.Tiny.Memory with { AspBytes = kib << 10, WspBytes = 256 << 10 } };
            if (Run(graph, chip, inputs, "main") is not { } main || Run(graph, chip, inputs, "few") is not { } few)
            {
                continue;
            }
            Assert.True(main.AsSpan().SequenceEqual(few), $"{kib} KiB of ASP");
            compared++;
            halved += main.AsSpan().SequenceEqual(roomy) ? 0 : 1;
        }
        Assert.True(compared > 3, $"{compared} chips with two programs");
        Assert.True(halved > 0 && halved < compared, $"{halved} of {compared} chips halve the block");
    }

    /// <summary>Null where nothing fits, or the binary has no such program.</summary>
    private static byte[]? Run(Graph graph, ChipDescription chip, Dictionary<string, Tensor> inputs, string entry)
    {
        try
        {
            ProgramImage image = CompiledGraph.Binary(graph, chip, Precision.F32);
            using LoadedProgram program = LoadedProgram.Load(image, chip);
            return image.EntryPoints.Any(e => e.Name == entry) ? new Session(program).Run(inputs, new RunOptions { EntryPoint = entry }).Outputs["y"].Data.ToArray() : null;
        }
        catch (DiagnosticException e) when (e.Kind == FailureKind.DoesNotFit)
        {
            return null;
        }
    }
}
