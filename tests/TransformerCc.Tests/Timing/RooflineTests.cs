using TransformerCc.Compiler;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Timing;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Timing;

/// <summary>No run is faster than its bound, every cycle of it belongs to a node, and a binary says the same as its model.</summary>
public sealed class RooflineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ProgramImage Compile(SyntheticShape shape, ChipDescription chip)
    {
        string path = Path.Combine(_folder.FullName, "model.gguf");
        SyntheticModel.Create(shape).WriteFile(path);
        return CompilerDriver.Compile(path, new CompileOptions { Chip = chip, Gguf = new GgufOptions { Context = 256, Batch = 4 } }, []).Image!;
    }

    private static Dictionary<string, long> Sizes(long batch, long length, long past) => new() { ["batch"] = batch, ["length"] = length, ["past"] = past };

    public static TheoryData<string, string> Models => new() { { "llama", "tx1" }, { "llama", "tx1-edge" }, { "qwen3moe", "tx1" }, { "gemma2", "tx1-embedded" }, { "gpt2", "tx1-server" } };

    [Theory]
    [MemberData(nameof(Models))]
    public void No_run_is_faster_than_its_bound_and_its_nodes_take_all_of_it(string architecture, string name)
    {
        ChipDescription chip = ChipDescriptions.Load(name);
        ProgramImage image = Compile(new SyntheticShape(architecture) { Width = 256, Hidden = 512, KeyHeads = architecture == "gpt2" ? null : 2, Experts = architecture == "qwen3moe" ? 4 : 0, Type = "q4_k" }, chip);
        foreach (Dictionary<string, long> sizes in new[] { Sizes(1, 1, 0), Sizes(1, 1, 200), Sizes(4, 1, 100), Sizes(1, 100, 0), Sizes(2, 60, 50) })
        {
            TimingReport report = TimingModel.Run(image, chip, sizes);
            Assert.InRange(report.Bound!.Cycles, 1, report.Cycles);
            Assert.Equal(report.Cycles, report.Nodes.Sum(n => n.Cycles), report.Cycles * 0.01);
            Assert.Equal(report.Bound.MultiplyAdds, report.Nodes.Sum(n => n.Bound.MultiplyAdds));
            Assert.InRange(report.Bound.MultiplyAdds, 1, report.MultiplyAdds);
            Assert.Equal(sizes["batch"] * sizes["length"], report.Tokens);
            Assert.True(report.Nodes.Sum(n => n.Bound.Cycles) >= report.Bound.Cycles * 0.9999);
        }
    }

    [Fact]
    public void A_binary_has_the_roofline_of_its_model()
    {
        ChipDescription chip = TestChips.Default;
        ProgramImage image = Compile(new SyntheticShape("llama"), chip);
        string path = Path.Combine(_folder.FullName, "model.bin");
        ProgramFileWriter.Write(image, path);
        using ProgramFile file = ProgramFile.Open(path, chip);
        TimingReport model = TimingModel.Run(image, chip, Sizes(2, 3, 40)), binary = TimingModel.Run(file.Image, chip, Sizes(2, 3, 40));
        Assert.Equal(model.Bound, binary.Bound);
        Assert.Equal(model.Nodes.ToArray(), binary.Nodes.ToArray());
        // The past costs products, and what DRAM holds of it.
        Assert.True(TimingModel.Run(image, chip, Sizes(2, 3, 0)).Bound!.Bytes < model.Bound!.Bytes);
    }

    /// <summary>5 GB/s and one array of 64 × 128 at 1 GHz: 4 bytes a cycle are sustained, 5 at the peak; 8192 multiply-adds.</summary>
    [Fact]
    public void The_bound_is_the_slower_of_dram_and_arrays()
    {
        ChipDescription chip = TestChips.Default with
        {
            ClockGhz = 1,
            Matrix = TestChips.Default.Matrix with { Arrays = 1, K = 64, F32Rate = 0.25 },
            Memory = TestChips.Default.Memory with { DramBytesPerSecond = 5e9, DramEfficiency = 0.8 },
        };
        var values = new Dictionary<string, long> { ["n"] = 10 };
        Roofline wide = Roofline.Of(new NodeWork("a", "", MacClass.BF16, 81920, 400), chip, values), slow = Roofline.Of(new NodeWork("b", "", MacClass.F32, 81920, 400), chip, values);
        Assert.Equal((100.0, 80.0, 10.0, true), (wide.Cycles, wide.PeakCycles, wide.ArrayCycles, wide.IsDramBound));
        Assert.Equal(40.0, slow.ArrayCycles);
        Roofline both = wide.Plus(Roofline.Of(new NodeWork("c", "", MacClass.BF16, TransformerCc.Isa.Symbolic.DimExpr.Symbol("n") * 8192 * 100, 0), chip, values));
        Assert.Equal((1010.0, 1010.0, 400L, false), (both.Cycles, both.PeakCycles, both.Bytes, both.IsDramBound));
        // A file may state any work.
        Roofline most = Roofline.Of(new NodeWork("d", "", MacClass.BF16, long.MaxValue, long.MaxValue), chip, values);
        Assert.Equal((long.MaxValue, long.MaxValue), (most.Plus(most).Bytes, most.Plus(most).MultiplyAdds));
    }
}
