using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Checking;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tool;

/// <summary>Faults put into a compiled binary must be found by running it, and lead back to the model's node.</summary>
public sealed class FaultSeedingTests : IDisposable
{
    private static readonly string s_inputs = Path.Combine(TestData.AdderFolder, "cases", "full-sums", "inputs");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ProgramFile Compile()
    {
        string binary = Path.Combine(_folder.FullName, "adder.bin");
        ToolRun.Good("compile", TestData.AdderModel, "-o", binary);
        return ProgramFile.Open(binary);
    }

    /// <summary>Runs the image with some of its instructions replaced.</summary>
    private ToolRun RunWith(ProgramImage image, Func<Instruction, int, Instruction> change)
    {
        EntryPoint main = image.EntryPoints[0];
        ImmutableArray<Instruction> changed = [.. main.Instructions.Select(change)];
        string binary = Path.Combine(_folder.FullName, "fault.bin");
        ProgramFile.Write(binary, image with { EntryPoints = [main with { Instructions = changed }] });
        return ToolRun.Of("run", binary, "--inputs", s_inputs, "--outputs", Path.Combine(_folder.FullName, "results"), "--check");
    }

    /// <summary>
    /// Channels of the weight stream: panels that arrived, ring slots that are free again. Some of them are implied by the
    /// rest (a panel that is used later was loaded later), so that not every one is missed; most are.
    /// </summary>
    [Fact]
    public void Semaphore_that_is_removed_shows_as_a_race()
    {
        using ProgramFile file = Compile();
        byte[] arrived = [.. file.Image.EntryPoints[0].Instructions.OfType<LoadWeights>().SelectMany(i => Numbers(i.Releases)).Distinct().Order()];
        byte[] free = [.. file.Image.EntryPoints[0].Instructions.OfType<LoadWeights>().SelectMany(i => Numbers(i.Acquires)).Distinct().Order()];
        Assert.True(arrived.Length >= 4);
        Assert.True(arrived.Count(IsMissed) * 2 > arrived.Length);
        Assert.Contains(free, IsMissed);

        bool IsMissed(byte s)
        {
            ToolRun run = RunWith(file.Image, (i, _) => i with { Acquires = Without(i.Acquires, s), Releases = Without(i.Releases, s) });
            return run.ExitCode == 1 && run.Error.Contains("race", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Release_that_is_removed_shows_as_a_deadlock_before_anything_runs()
    {
        using ProgramFile file = Compile();
        byte semaphore = file.Image.EntryPoints[0].Instructions.OfType<MatMul>().First().Acquires[0];
        ToolRun run = RunWith(file.Image, (i, _) => i with { Releases = Without(i.Releases, semaphore) });
        Assert.Equal((int)FailureKind.InvalidInput, run.ExitCode);
        Assert.Contains("error TCC5017", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder.FullName, "results")));
    }

    [Fact]
    public void Every_acquire_and_every_release_that_is_removed_alone_is_found_without_running()
    {
        using ProgramFile file = Compile();
        EntryPoint main = file.Image.EntryPoints[0];
        Assert.Empty(StaticChecks.Run(main));
        for (int at = 0; at < main.Instructions.Length; at++)
        {
            Instruction i = main.Instructions[at];
            foreach (byte s in Numbers(i.Acquires))
            {
                Assert.NotEmpty(StaticChecks.Run(main with { Instructions = main.Instructions.SetItem(at, i with { Acquires = Without(i.Acquires, s) }) }));
            }
            foreach (byte s in Numbers(i.Releases))
            {
                Assert.NotEmpty(StaticChecks.Run(main with { Instructions = main.Instructions.SetItem(at, i with { Releases = Without(i.Releases, s) }) }));
            }
        }
    }

    [Fact]
    public void Address_outside_the_scratchpad_traps_with_the_node()
    {
        using ProgramFile file = Compile();
        int at = file.Image.EntryPoints[0].Instructions.IndexOf(file.Image.EntryPoints[0].Instructions.First(i => i is VectorNorm));
        DebugEntry source = file.Image.Debug[file.Image.EntryPoints[0].Instructions[at].Tag];
        ToolRun run = RunWith(file.Image, (i, index) => index != at ? i : (VectorNorm)i is var norm ? norm with { Dst = norm.Dst with { Address = new ScratchAddress(MemorySpace.Asp, 0x7fff_0000) } } : i);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("trap", run.Error, StringComparison.Ordinal);
        Assert.NotEmpty(source.Node);
        Assert.Contains(source.Node, run.Error, StringComparison.Ordinal);
    }

    private static IEnumerable<byte> Numbers(SemaphoreList list) => Enumerable.Range(0, list.Count).Select(i => list[i]);

    private static SemaphoreList Without(SemaphoreList list, byte semaphore) => SemaphoreList.Of([.. Numbers(list).Where(s => s != semaphore)]);
}
