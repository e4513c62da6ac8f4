using TransformerCc.Isa.Chips;

namespace TransformerCc.Isa.Costs;

/// <summary>What DMA costs: the latency, then the charge of its rows at what share of the sustained bandwidth it gets, no faster than the scratchpad's port.</summary>
public static class TransferCost
{
    /// <summary>Bytes of a DRAM burst, and what opening a row of a transfer costs in bytes of bandwidth.</summary>
    public const long BurstBytes = 64, RowOverheadBytes = 32;

    /// <summary>The bandwidth that rows take: Σ rows (⌈bytes / 64⌉·64 + 32). Rows that follow each other without a gap are one.</summary>
    public static long Charge(long rows, long rowStride, long rowBytes)
    {
        (long runs, long run) = rowStride == rowBytes ? (1, rows * rowBytes) : (rows, rowBytes);
        return runs * (((run + BurstBytes - 1) / BurstBytes * BurstBytes) + RowOverheadBytes);
    }

    /// <summary>Cycles that bytes take through a scratchpad port.</summary>
    public static double PortCycles(long bytes, DmaDescription dma)
    {
        ArgumentNullException.ThrowIfNull(dma);
        return double.Ceiling(bytes / (double)dma.PortBytesPerCycle);
    }

    /// <summary>Bytes a cycle that DRAM sustains.</summary>
    public static double BytesPerCycle(ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        return chip.Memory.SustainedBytesPerSecond / (chip.ClockGhz * 1e9);
    }

    /// <summary>Cycles from the start of a transfer to its first byte.</summary>
    public static double Latency(ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        return chip.Memory.DramLatencyNs * chip.ClockGhz;
    }
}
