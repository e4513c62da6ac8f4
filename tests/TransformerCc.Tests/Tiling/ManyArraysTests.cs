using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tiling;

/// <summary>Rows are shared by as many ranges of arrays as a chip file may ask for: more than the sequencer has registers for their lengths.</summary>
public sealed class ManyArraysTests
{
    private const string Norms = """
        dim n in 1..512
        input %x : f32[n, 64]
        const %s : f32[128] = #s
        const %v : f32[64, 128] = #v
        const %w : f32[128, 128] = #w
        %a : f32[n, 128] = linear(%x, %v)
        %h : f32[n, 128] = norm(%a, %s) {kind = rms, epsilon = 1E-05}
        %y : f32[n, 128] = linear(%h, %w, %a) {residual}
        output "y" = %y
        """;

    [Fact]
    public void Bits_do_not_depend_on_the_number_of_arrays()
    {
        const int arrays = 80;
        Graph graph = GraphTexts.Parse(Norms);
        ChipDescription many = TestChips.Default with { Name = "many", Matrix = TestChips.Default.Matrix with { Arrays = arrays }, Memory = TestChips.Default.Memory with { ProgramBytes = 16 << 20 } };
        CompiledGraph shared = CompiledGraph.Of(graph, many, Precision.BF16);
        Assert.Contains(shared.Image.EntryPoints[0].Instructions, i => i is MatMul { FirstArray: arrays - 1 });
        using LoadedProgram a = LoadedProgram.Load(CompiledGraph.Of(graph, TestChips.Default, Precision.BF16).Image, TestChips.Default), b = LoadedProgram.Load(shared.Image, many);
        foreach (long n in (long[])[1, 65, 300])
        {
            var size = new Dictionary<string, long> { ["n"] = n };
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(graph, size, seed: 5);
            Assert.Equal(new Session(a).Run(inputs).Outputs["y"].Data.ToArray(), new Session(b).Run(inputs).Outputs["y"].Data.ToArray());
        }
    }
}
