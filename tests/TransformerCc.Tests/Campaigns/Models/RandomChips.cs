using TransformerCc.Isa.Chips;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>Chips of any size that a description may state, small ones mostly: there tiles are many and scratchpads full.</summary>
internal static class RandomChips
{
    /// <summary>Scratchpads grow by this factor until a model fits.</summary>
    private const int Growth = 4;

    private const int Largest = 64 << 20, Room = 512 << 10;

    public static ChipDescription Make(Choices choices)
    {
        ChipDescription edge = TestChips.Edge;
        return edge with
        {
            Name = "random",
            ClockGhz = choices.Pick(0.6, 1, 0.1, 3.3),
            Matrix = edge.Matrix with { Arrays = choices.Pick(1, 2, 4, 3, 8, 5, 16), K = choices.Pick(64, 32, 128, 96), WeightLoadRowsPerCycle = choices.Pick(4, 1, 16, 128), F32Rate = choices.Pick(0.25, 1) },
            Vector = new VectorDescription(choices.Pick(128, 64, 1024, 17), choices.Pick(64, 1, 512), choices.Pick(512, 64, 4096)),
            Memory = edge.Memory with
            {
                DramBytesPerSecond = choices.Pick(17e9, 1e9, 819e9),
                DramLatencyNs = choices.Pick(400, 0, 5000),
                WspBytes = Bytes(choices),
                AspBytes = Bytes(choices),
                AccBytes = Bytes(choices),
                ProgramBytes = choices.Pick(1 << 20, 256 << 10, 64 << 10, 16 << 10),
            },
            Dma = new DmaDescription(choices.Pick(512, 64, 4096), choices.Pick(16, 1, 4), choices.Pick(32, 8, 2, 1)),
        };
    }

    /// <summary>
    /// With scratchpads that hold whole blocks of keys: attention on smaller chips cuts keys finer, and each binary's blocks
    /// decide its bits.
    /// </summary>
    public static ChipDescription WithRoom(ChipDescription chip) => chip with
    {
        Memory = chip.Memory with { WspBytes = int.Max(chip.Memory.WspBytes, Room), AspBytes = int.Max(chip.Memory.AspBytes, Room), AccBytes = int.Max(chip.Memory.AccBytes, Room) },
    };

    /// <summary>The next larger chip; null after one that holds everything that campaigns make.</summary>
    public static ChipDescription? Grow(ChipDescription chip) => chip.Memory.AspBytes >= Largest ? null : chip with
    {
        Memory = chip.Memory with
        {
            WspBytes = Grown(chip.Memory.WspBytes),
            AspBytes = Grown(chip.Memory.AspBytes),
            AccBytes = Grown(chip.Memory.AccBytes),
            ProgramBytes = Grown(chip.Memory.ProgramBytes),
        },
    };

    private static int Grown(int bytes) => int.Min(Largest, bytes * Growth);

    /// <summary>4 KiB, where next to nothing fits, to 2 MiB, and sizes between the powers of two.</summary>
    private static int Bytes(Choices choices) => (1 << choices.Pick(20, 16, 17, 18, 15, 14, 13, 12)) + (512 * choices.Pick(0, 0, 1, 7, 100));
}
