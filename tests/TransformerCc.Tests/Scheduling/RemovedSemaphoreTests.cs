using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Tiling;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Scheduling;

/// <summary>
/// Fault seeding: without the semaphores between two engines a program races, and checking mode sees it, although the
/// emulator executes in program order and still computes the right result.
/// </summary>
public sealed class RemovedSemaphoreTests
{
    [Theory]
    [InlineData("linear", "n=300")]
    [InlineData("gated_ffn", "batch=3 length=101")]
    [InlineData("causal", "batch=2 length=300")]
    [InlineData("additive_mask", "batch=2 queries=150 keys=200")]
    [InlineData("matmul", "b=2 m=140 k=270 n=260")]
    [InlineData("conv1d", "batch=2 length=301")]
    [InlineData("block", "batch=2 length=140")]
    public void Removed_semaphore_is_found(string name, string sizes)
    {
        SmallGraph small = SmallGraphs.Named(name) with { Sizes = sizes };
        Graph graph = small.Parse();
        ChipDescription chip = TestChips.Tiny;
        ProgramImage image = CompiledGraph.Of(graph, chip, Precision.BF16).Image;
        IReadOnlyDictionary<string, long> size = small.EachSize().Single();
        IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(graph, size, seed: 3);
        (string Ends, byte[] Semaphores)[] channels = Channels(image.EntryPoints[0]);
        bool[] found = [.. channels.Select(c => IsFound(Without(image, c.Semaphores), chip, inputs))];
        // A chain of other channels may imply one; which ones are found is what the snapshot protects.
        Snapshot.Match(string.Join("\n", channels.Zip(found, (c, f) => $"{c.Ends}: {(f ? "race found" : "implied by others")}")), name);
        Assert.All(channels.Zip(found), c => Assert.True(c.Second || !c.First.Ends.Contains("dw", StringComparison.Ordinal), c.First.Ends));
    }

    private static bool IsFound(ProgramImage image, ChipDescription chip, IReadOnlyDictionary<string, Tensor> inputs)
    {
        using LoadedProgram program = LoadedProgram.Load(image, chip);
        return new Session(program).Run(inputs, new RunOptions { Check = true }).Findings.Any(f => f.Kind == FindingKind.Race);
    }

    /// <summary>
    /// The semaphores between each two engines; those of the weight ring one by one, without the slots that nothing fills.
    /// </summary>
    private static (string Ends, byte[] Semaphores)[] Channels(EntryPoint entry)
    {
        Dictionary<byte, Engine> Ends(Func<Instruction, SemaphoreList> side) =>
            entry.Instructions.SelectMany(i => Numbers(side(i)).Select(s => (Semaphore: s, i.Engine))).DistinctBy(p => p.Semaphore).ToDictionary(p => p.Semaphore, p => p.Engine);
        Dictionary<byte, Engine> from = Ends(i => i.Releases), to = Ends(i => i.Acquires);
        HashSet<byte> ring = [.. entry.Instructions.OfType<LoadWeights>().SelectMany(i => Numbers(i.Acquires).Concat(Numbers(i.Releases)))];
        return [.. from.Keys.Intersect(to.Keys).Where(s => to[s] != Engine.WeightDma || ring.Contains(s)).GroupBy(s => $"{from[s].Name()} to {to[s].Name()}{(Engine.WeightDma == from[s] || Engine.WeightDma == to[s] ? FormattableString.Invariant($" ({s})") : "")}")
            .Select(g => (g.Key, g.Order().ToArray())).OrderBy(c => c.Key, StringComparer.Ordinal)];
    }

    private static ProgramImage Without(ProgramImage image, byte[] semaphores) => image with
    {
        EntryPoints = [image.EntryPoints[0] with { Instructions = [.. image.EntryPoints[0].Instructions.Select(i => i with { Acquires = Without(i.Acquires, semaphores), Releases = Without(i.Releases, semaphores) })] }],
    };

    private static SemaphoreList Without(SemaphoreList list, byte[] semaphores) => SemaphoreList.Of([.. Numbers(list).Where(s => !semaphores.Contains(s))]);

    private static IEnumerable<byte> Numbers(SemaphoreList list) => Enumerable.Range(0, list.Count).Select(k => list[k]);
}
