using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Caches;

/// <summary>A model of layers with and without a window: caches that wrap around give the bits of caches that do not.</summary>
public sealed class SlidingWindowTests : IDisposable
{
    private const int Context = 256, Chunk = 16, Length = 210;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(CacheFormat.Int8)]
    public void WrappingAroundChangesNoBit(CacheFormat? format)
    {
        string path = Path.Combine(_folder.FullName, "model.gguf");
        SyntheticModel.Create(new SyntheticShape("gemma3") { Layers = 7, Width = 64, Hidden = 96, KeyHeads = 2, Context = Context, Window = 40, Type = "f32" }).WriteFile(path);
        // Runs of the whole context leave no cache smaller; runs of 16 tokens do.
        ProgramImage whole = Compile([]), small = Compile(new() { ["length"] = DimensionLimit.AtMost(Chunk) });
        Assert.DoesNotContain(whole.Tensors, t => t.State?.Mode == StateMode.Circular);
        Assert.Contains(small.Tensors, t => t.State?.Mode == StateMode.Append);
        Assert.All(small.Tensors.Where(t => t.State?.Mode == StateMode.Circular), t => Assert.Equal(128, t.Shape[2].ConstantValue));
        Assert.Equal(Logits(whole, 70), Logits(small, Chunk));

        ProgramImage Compile(Dictionary<string, DimensionLimit> bindings) => CompilerDriver.Compile(path, new CompileOptions
        {
            Chip = TestChips.Default,
            Precision = Precision.F32,
            Cache = format,
            Import = new ImportOptions { Bindings = bindings },
            Gguf = new GgufOptions { Context = Context, Batch = 2, AllLogits = true },
        }, []).Image!;
    }

    private static List<byte> Logits(ProgramImage image, int chunk)
    {
        using LoadedProgram program = LoadedProgram.Load(image, TestChips.Default);
        SessionState state = SessionState.Create(program, 1, Context);
        var random = new Random(4);
        long[] tokens = [.. Enumerable.Range(0, Length).Select(_ => random.NextInt64(512))];
        var logits = new List<byte>();
        for (int past = 0; past < Length; past += chunk)
        {
            long[] part = tokens[past..int.Min(Length, past + chunk)];
            logits.AddRange(new Session(program).Run(
                new Dictionary<string, Tensor> { ["tokens"] = Tensor.From<long>(ElementType.I64, [1, part.Length], part), ["past"] = CacheGraphs.Past(past) },
                new RunOptions { State = state }).Outputs["logits"].Data.ToArray());
        }
        return logits;
    }
}
