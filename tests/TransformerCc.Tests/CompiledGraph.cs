using TransformerCc.Compiler;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;

namespace TransformerCc.Tests;

/// <summary>A graph through the stages behind the passes, every verifier and checker included.</summary>
internal sealed record CompiledGraph(Graph Graph, TileProgram Tiles, MemoryPlan Plan, int Semaphores, ProgramImage Image)
{
    public static CompiledGraph Of(Graph graph, ChipDescription chip, Precision precision, int residentShare = Tiler.ResidentShare, Func<string, bool>? cuts = null)
    {
        TileProgram tiles = Tiler.Lower(graph, chip, precision, residentShare, cuts);
        Assert.Empty(TileVerifier.Verify(tiles));
        WeightPrefetch.Run(tiles);
        MemoryPlan plan = MemoryPlanner.Place(tiles, chip);
        int semaphores = ChannelAssignment.Run(tiles, plan);
        Assert.Empty(TileVerifier.Verify(tiles));
        ProgramImage image = CodeGenerator.Emit(tiles, plan, chip, ChipDescriptions.Fingerprint(chip), []);
        return new CompiledGraph(graph, tiles, plan, semaphores, image);
    }

    /// <summary>With every entry point that the graph asks for.</summary>
    public static ProgramImage Binary(Graph graph, ChipDescription chip, Precision precision)
    {
        IReadOnlyList<NamedProgram> lowered = EntryPrograms.Lower(graph, chip, precision);
        foreach (NamedProgram p in lowered)
        {
            WeightPrefetch.Run(p.Tiles);
        }
        EntryProgram[] programs = [.. lowered.Select(p => new EntryProgram(p.Name, p.Tiles, MemoryPlanner.Place(p.Tiles, chip)))];
        foreach (EntryProgram p in programs)
        {
            ChannelAssignment.Run(p.Tiles, p.Plan);
            Assert.Empty(TileVerifier.Verify(p.Tiles));
        }
        return CodeGenerator.Emit(programs, chip, ChipDescriptions.Fingerprint(chip), [], []);
    }
}

/// <summary>The chips that tests compile for.</summary>
internal static class TestChips
{
    public static ChipDescription Default { get; } = ChipDescriptions.Load("tx1");

    public static ChipDescription Edge { get; } = ChipDescriptions.Load("tx1-edge");

    /// <summary>Scratchpads so small that every tile is cut, and the weight ring turns often.</summary>
    public static ChipDescription Tiny { get; } = Edge with
    {
        Name = "tiny",
        Memory = Edge.Memory with { AspBytes = 64 << 10, AccBytes = 64 << 10, WspBytes = 128 << 10 },
    };

    public static ChipDescription Of(string name) => name == Tiny.Name ? Tiny : ChipDescriptions.Load(name);
}
