using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.Caches;

/// <summary>A layer with caches has two programs over one weight section; whichever runs, the bits are the same.</summary>
public class EntryPointTests
{
    private const string Layer = """
        graph "layer" {
          dim batch in 1..4
          dim context in 1..256 = length
          dim length in 1..256
          input %x : f32[batch, length, 64]
          input %past : i64[batch] = 0
          input %cache.k : f32[batch, 2, context, 16]
          input %cache.v : f32[batch, 2, context, 16]
          const %scale : f32[64] = #scale
          const %wq : f32[64, 64] = #wq
          const %wk : f32[64, 32] = #wk
          const %wv : f32[64, 32] = #wv
          const %wo : f32[64, 64] = #wo
          %n : f32[batch, length, 64] = norm(%x, %scale) {kind = rms, epsilon = 1E-05}
          %q : f32[batch, length, 64] = linear(%n, %wq)
          %k : f32[batch, length, 32] = linear(%n, %wk)
          %v : f32[batch, length, 32] = linear(%n, %wv)
          %qh : f32[batch, length, 4, 16] = reshape(%q) {shape = [batch, length, 4, 16]}
          %kh : f32[batch, length, 2, 16] = reshape(%k) {shape = [batch, length, 2, 16]}
          %vh : f32[batch, length, 2, 16] = reshape(%v) {shape = [batch, length, 2, 16]}
          %keys : f32[batch, 2, context, 16] = cache_append(%cache.k, %kh, %past) {new = bshd}
          %values : f32[batch, 2, context, 16] = cache_append(%cache.v, %vh, %past) {new = bshd}
          %a : f32[batch, length, 4, 16] = cached_attention(%qh, %keys, %values, %past) {query = bshd, result = bshd, scale = 0.25}
          %m : f32[batch, length, 64] = reshape(%a) {shape = [batch, length, 64]}
          %y : f32[batch, length, 64] = linear(%m, %wo, %x) {residual}
          state %cache.k = %keys
          state %cache.v = %values
          output "y" = %y
        }
        """;

    [Theory]
    [InlineData("tx1", Precision.F32)]
    [InlineData("tx1", Precision.BF16)]
    [InlineData("tiny", Precision.F32)]
    public void BothProgramsShareTheWeightsAndGiveTheSameBits(string chip, Precision precision)
    {
        Graph graph = GraphParser.Parse(Layer);
        ProgramImage image = CompiledGraph.Binary(graph, TestChips.Of(chip), precision);
        Assert.Equal(["prefill", "decode"], image.EntryPoints.Select(e => e.Name));
        Assert.Empty(image.EntryPoints[0].Limits);
        Assert.Equal([new EntryLimit("length", 8)], image.EntryPoints[1].Limits.ToArray());
        Assert.Equal(CompiledGraph.Of(graph, TestChips.Of(chip), precision).Image.Weights.Length, image.Weights.Length);
        using LoadedProgram program = LoadedProgram.Load(image, TestChips.Of(chip));
        Tensor x = CacheGraphs.Floats(new Random(9), [2, 150, 64]);
        byte[] atOnce = Run("prefill", [150]);
        Assert.Equal(atOnce, Run(null, [131, 8, 1, 1, 9]));
        Assert.Equal(atOnce, Run("prefill", [100, 1, 49]));
        Assert.Equal(atOnce, Run("decode", [.. Enumerable.Repeat(8, 18), 6]));
        Assert.Equal("TCC5038", Assert.Throws<DiagnosticException>(() => Run("decode", [9, 141])).Diagnostics[0].Code);
        Assert.Equal("TCC5020", Assert.Throws<DiagnosticException>(() => Run("main", [150])).Diagnostics[0].Code);

        byte[] Run(string? entry, int[] chunks)
        {
            SessionState state = SessionState.Create(program, 2, 200);
            byte[] all = new byte[x.Data.Length];
            int past = 0;
            foreach (int chunk in chunks)
            {
                var inputs = new Dictionary<string, Tensor> { ["x"] = CacheGraphs.Part(x, 0, 2, past, chunk), ["past"] = CacheGraphs.Past(past, past) };
                Tensor y = new Session(program).Run(inputs, new RunOptions { State = state, EntryPoint = entry, Check = true }) is { Findings.Count: 0 } run ? run.Outputs["y"] : throw new InvalidOperationException("races");
                for (int b = 0; b < 2; b++)
                {
                    y.Data.Span.Slice(b * chunk * 256, chunk * 256).CopyTo(all.AsSpan(((b * 150) + past) * 256));
                }
                past += chunk;
            }
            return all;
        }
    }

    [Fact]
    public void AStateWithoutItsCountIsNotLoaded()
    {
        ProgramImage image = CompiledGraph.Binary(GraphParser.Parse(Layer), TestChips.Default, Precision.F32);
        TensorSymbol keys = image.Tensors.Single(t => t.Name == "cache.k");
        foreach (TensorSymbol broken in new[] { keys with { State = null }, keys with { State = keys.State! with { Past = "x" } }, keys with { Shape = [.. keys.Shape[..3]] } })
        {
            DiagnosticException e = Assert.Throws<DiagnosticException>(() => LoadedProgram.Load(image with { Tensors = image.Tensors.Replace(keys, broken) }, TestChips.Default));
            Assert.Contains(e.Diagnostics, d => d.Code == "TCC5016");
        }
    }

    [Fact]
    public void AssemblyKeepsStatesAndLimits()
    {
        ProgramImage image = CompiledGraph.Binary(GraphParser.Parse(Layer), TestChips.Default, Precision.F32);
        ProgramImage again = Assembler.Assemble(Disassembler.Print(image), "layer.tasm", image.Weights);
        Assert.Equal(image.EntryPoints.SelectMany(e => e.Limits), again.EntryPoints.SelectMany(e => e.Limits));
        Assert.Equal(image.Dimensions.Select(d => d.Default), again.Dimensions.Select(d => d.Default));
        Assert.Equal(image.Tensors.Select(t => (t.Kind, t.Fill, t.State)), again.Tensors.Select(t => (t.Kind, t.Fill, t.State)));
        Assert.Contains("length", image.Dimensions.Select(d => d.Default?.ToString()));
        Assert.Equal(2, again.Tensors.Count(t => t.State is not null));
    }
}
