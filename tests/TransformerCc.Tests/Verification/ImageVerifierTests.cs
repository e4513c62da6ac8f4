using System.Collections.Immutable;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Tiling;
using TransformerCc.Tests.Tool;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

public sealed class ImageVerifierTests
{
    [Theory]
    [InlineData("linear")]
    [InlineData("gated_ffn")]
    [InlineData("causal")]
    [InlineData("grouped_past")]
    [InlineData("conv1d")]
    public void Compiled_programs_are_sound(string name)
    {
        ProgramImage image = CompiledGraph.Of(SmallGraphs.Named(name).Parse(), TestChips.Tiny, Precision.BF16).Image;
        ImageCheck[] checks = [.. ImageVerifier.Verify(image, TestChips.Tiny)];
        Assert.Equal(3, checks.Length);
        Assert.All(checks, c => Assert.Empty(c.Errors));
        Assert.Empty(checks[0].Undecided);
    }

    /// <summary>What is done to the program, and what is said of it.</summary>
    public static TheoryData<string, string> Faults => new()
    {
        { "a result that starts past the end of ASP", "pass the end of the 65536 bytes there" },
        { "a fill past the end of ACC", "out of bounds: main[0]" },
        { "a release less", "deadlock: " },
        { "an acquire less", "unbalanced: " },
        { "no order between matrix and vector engine", "race on acc bytes" },
        { "a load left out", "uninitialised read: " },
        { "a store left out", "bytes were never written" },
        { "a store one tensor further", "DRAM" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Faults_are_found_without_inputs(string fault, string message)
    {
        ProgramImage image = CompiledGraph.Of(SmallGraphs.Named("linear").Parse(), TestChips.Tiny, Precision.BF16).Image;
        EntryPoint main = image.EntryPoints[0];
        ImmutableArray<Instruction> code = main.Instructions;
        int product = IndexOf<MatMul>(i => i.Releases.Count > 0), acquire = IndexOf<Instruction>(i => i.Acquires.Count > 0), store = IndexOf<Store>(_ => true), result = IndexOf<VectorUnary>(_ => true) is >= 0 and var unary ? unary : IndexOf<VectorBinary>(_ => true);
        ImmutableArray<Instruction> broken = fault switch
        {
            "a result that starts past the end of ASP" => code.SetItem(result, code[result] switch
            {
                VectorUnary i => i with { Dst = Far(i.Dst) },
                VectorBinary i => i with { Dst = Far(i.Dst) },
                _ => throw new InvalidOperationException("no vector instruction"),
            }),
            "a fill past the end of ACC" => code.Insert(0, new Fill(new ScratchAddress(MemorySpace.Acc, 0xfc00), ElementType.F32, 512, 3, 128, Reg.Zero)),
            "a release less" => code.SetItem(product, code[product] with { Releases = default }),
            "an acquire less" => code.SetItem(acquire, code[acquire] with { Acquires = default }),
            "no order between matrix and vector engine" => [.. code.Select(i => i with { Acquires = Except(i.Acquires, Between(Engine.Matrix, Engine.Vector)), Releases = Except(i.Releases, Between(Engine.Matrix, Engine.Vector)) })],
            "a load left out" => Left<Load>(),
            "a store left out" => Left<Store>(),
            _ => code.SetItem(store, Further((Store)code[store])),
        };
        ProgramImage changed = image with { EntryPoints = [main with { Instructions = broken }] };
        string[] errors = [.. ImageVerifier.Verify(changed, TestChips.Tiny).SelectMany(c => c.Errors)];
        Assert.Contains(errors, e => e.Contains(message, StringComparison.Ordinal));

        int IndexOf<T>(Func<Instruction, bool> which) where T : Instruction => code.IndexOf(code.FirstOrDefault(i => i is T && which(i))!);

        // The queue keeps its semaphores: only the bytes are missing.
        ImmutableArray<Instruction> Left<T>() where T : Instruction => [.. code.Select(i => i is T ? new Post(i.Engine) { Acquires = i.Acquires, Releases = i.Releases } : i)];

        HashSet<byte> Between(Engine from, Engine to) =>
        [
            .. code.Where(i => i.Engine == from).SelectMany(i => Numbers(i.Releases)).Intersect(code.Where(i => i.Engine == to).SelectMany(i => Numbers(i.Acquires))),
        ];
    }

    [Fact]
    public void Refuted_programs_are_not_loaded()
    {
        ProgramImage image = CompiledGraph.Of(SmallGraphs.Named("linear").Parse(), TestChips.Tiny, Precision.BF16).Image;
        EntryPoint main = image.EntryPoints[0];
        ProgramImage broken = image with { EntryPoints = [main with { Instructions = [.. main.Instructions.Select(i => i is MatMul ? i with { Releases = default } : i)] }] };
        Assert.All(Assert.Throws<DiagnosticException>(() => LoadedProgram.Load(broken, TestChips.Tiny)).Diagnostics, d => Assert.Equal("TCC5017", d.Code));
        LoadedProgram.Load(image, TestChips.Tiny).Dispose();
    }

    [Fact]
    public void Inspect_prints_what_holds()
    {
        using var folder = new TemporaryFolder();
        string binary = Path.Combine(folder.FullName, "adder.bin");
        ToolRun.Good("compile", TestData.AdderModel, "-o", binary, "--bind", "batch=..4");
        ToolRun text = ToolRun.Good("inspect", "--verify", binary);
        Assert.Contains("no deadlock", text.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("error", text.Output, StringComparison.Ordinal);
        Assert.True(ToolRun.Good("inspect", "--verify", binary, "--json").Json().GetProperty("sound").GetBoolean());
    }

    private static Store Further(Store s) => s with { Dst = s.Dst with { Offset = s.Dst.Offset + (1 << 24) } };

    private static VectorOperand Far(VectorOperand o) => o with { Address = o.Address with { Offset = o.Address.Offset + (1u << 30) } };

    private static IEnumerable<byte> Numbers(SemaphoreList list) => Enumerable.Range(0, list.Count).Select(k => list[k]);

    private static SemaphoreList Except(SemaphoreList list, HashSet<byte> removed) => SemaphoreList.Of([.. Numbers(list).Where(s => !removed.Contains(s))]);
}
