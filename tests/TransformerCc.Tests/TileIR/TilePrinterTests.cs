using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;

namespace TransformerCc.Tests.TileIR;

/// <summary>The text form of tile programs, before and after semaphores are assigned.</summary>
public sealed class TilePrinterTests
{
    [Fact]
    public void Small_program() => Snapshot.Match(TilePrinter.Print(TilePrograms.Example()));

    [Fact]
    public void Small_program_with_semaphores()
    {
        TileProgram program = TilePrograms.Example();
        ChannelAssignment.Run(program, MemoryPlanner.Place(program, program.Chip));
        Snapshot.Match(TilePrinter.Print(program));
    }
}
