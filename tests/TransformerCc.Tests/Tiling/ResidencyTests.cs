using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tiling;

/// <summary>Values that pass between operators stay in ASP where they fit, and that changes no bit.</summary>
public sealed class ResidencyTests
{
    /// <summary>A result is computed where it stays, appended to the cache from there, and read there by the next region.</summary>
    [Fact]
    public void Values_stay_on_the_chip() => Snapshot.Match(TilePrinter.Print(Tiler.Lower(GraphTexts.Parse("""
        dim n in 1..32
        dim context in 32..64
        input %x : f32[1, n, 64]
        input %past : i64[1]
        input %cache : f32[1, 2, context, 32]
        const %w : f32[64, 64] = #w
        const %scale : f32[64] = #scale
        %k : f32[1, n, 64] = linear(%x, %w)
        %heads : f32[1, n, 2, 32] = reshape(%k) {shape = [1, n, 2, 32]}
        %all : f32[1, 2, context, 32] = cache_append(%cache, %heads, %past) {new = bshd}
        %y : f32[1, n, 64] = norm(%k, %scale) {kind = rms, epsilon = 1E-05}
        state %cache = %all
        output "y" = %y
        """), TestChips.Edge, Precision.BF16)));

    [Theory]
    [InlineData("block", "tx1")]
    [InlineData("block", "tiny")]
    [InlineData("conv1d", "tx1")]
    [InlineData("embedding", "tx1")]
    [InlineData("experts", "tx1")]
    public void Bits_do_not_depend_on_what_stays(string name, string chip)
    {
        SmallGraph small = SmallGraphs.Named(name);
        Graph graph = small.Parse();
        using LoadedProgram stays = Load(graph, TestChips.Of(chip), Tiler.ResidentShare, out int left), passes = Load(graph, TestChips.Of(chip), 0, out int all);
        Assert.True(left < all, $"{left} of {all} values pass through DRAM");
        foreach (IReadOnlyDictionary<string, long> size in small.EachSize())
        {
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(graph, size, seed: 7);
            RunResult a = Run(stays, inputs, size), b = Run(passes, inputs, size);
            Assert.All(b.Outputs, output => Assert.Equal(output.Value.Data.ToArray(), a.Outputs[output.Key].Data.ToArray()));
        }
    }

    private static LoadedProgram Load(Graph graph, ChipDescription chip, int residentShare, out int scratch)
    {
        CompiledGraph compiled = CompiledGraph.Of(graph, chip, Precision.BF16, residentShare);
        scratch = compiled.Tiles.Tensors.Count(t => t.Kind == TensorKind.Scratch);
        return LoadedProgram.Load(compiled.Image, chip);
    }

    private static RunResult Run(LoadedProgram program, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> size)
    {
        RunResult run = new Session(program).Run(inputs, new RunOptions { Check = true, Set = size });
        Assert.Empty(run.Findings);
        return run;
    }

    /// <summary>The program for few tokens or sequences of every model: only tables that are gathered from are left in DRAM.</summary>
    [DataTheory("models")]
    [InlineData("models/bert-toy/model.onnx")]
    [InlineData("models/bert-qa-tf/model.onnx")]
    [InlineData("models/kwt1/model.onnx")]
    [InlineData("models/use-lite/model.onnx")]
    [InlineData("models/clip-text/model.onnx")]
    [InlineData("models/clip-vision/model.onnx")]
    [InlineData("models/whisper-encoder/model.onnx")]
    [InlineData("models/whisper-decoder/model.onnx")]
    [InlineData("models/gpt-nano-sort/model.onnx")]
    [InlineData("models/gpt2-tiny-past/model.onnx")]
    [InlineData("models/llama2c/model.onnx")]
    [InlineData("models/nanogpt/model.onnx")]
    [InlineData("models/stories260k-onnx/model.onnx")]
    [InlineData("gguf/llama3-f32.gguf")]
    [InlineData("gguf/qwen2-q4_k_m.gguf")]
    [InlineData("gguf/gpt2-f16.gguf")]
    [InlineData("gguf/bert-f16.gguf")]
    public void No_value_of_a_model_passes_through_dram(string model)
    {
        ChipDescription chip = TestChips.Default;
        Graph graph = CompilerDriver.Compile(TestData.Get(model), new CompileOptions { Chip = chip, StopAfter = "graph" }, []).Graph;
        TileProgram tiles = EntryPrograms.Lower(graph, chip, Precision.BF16)[^1].Tiles;
        HashSet<string> tables = [.. graph.Nodes.Where(n => n.Op is Gather).Select(n => Root(n.Inputs[0]).Name)];
        Assert.Empty(tiles.Tensors.Where(t => t.Kind == TensorKind.Scratch && !tables.Contains(t.Name)).Select(t => t.Name));
    }

    private static Value Root(Value value) => value.Producer is { Op: Reshape } reshape ? Root(reshape.Inputs[0]) : value;
}
