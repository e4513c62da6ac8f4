using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;
using TransformerCc.Runtime.Binding;

namespace TransformerCc.Runtime.Timing;

/// <summary>
/// The roofline of a model on a chip (Williams, Waterman and Patterson 2009): no program for it can take fewer cycles than its
/// bytes take at the sustained bandwidth of DRAM, or its multiply-adds on all arrays.
/// </summary>
/// <param name="Bytes">That DRAM must give or take.</param>
/// <param name="DramCycles">Of the bytes at the sustained bandwidth.</param>
/// <param name="PeakDramCycles">Of the bytes at the peak bandwidth.</param>
/// <param name="ArrayCycles">Of the multiply-adds at the rate of each node's format, on all arrays.</param>
public sealed record Roofline(long Bytes, long MultiplyAdds, double DramCycles, double PeakDramCycles, double ArrayCycles)
{
    public static Roofline Zero { get; } = new(0, 0, 0, 0, 0);

    /// <summary>The bound.</summary>
    public double Cycles => double.Max(DramCycles, ArrayCycles);

    /// <summary>The bound if DRAM gave its peak bandwidth.</summary>
    public double PeakCycles => double.Max(PeakDramCycles, ArrayCycles);

    public bool IsDramBound => DramCycles >= ArrayCycles;

    public Roofline Plus(Roofline other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new(Sum(Bytes, other.Bytes), Sum(MultiplyAdds, other.MultiplyAdds), DramCycles + other.DramCycles, PeakDramCycles + other.PeakDramCycles, ArrayCycles + other.ArrayCycles);
    }

    /// <summary>The largest number where the sum is none: a file may state any work.</summary>
    private static long Sum(long a, long b) => (long)Int128.Clamp((Int128)a + b, long.MinValue, long.MaxValue);

    internal static Roofline Of(NodeWork work, ChipDescription chip, IReadOnlyDictionary<string, long> values)
    {
        long bytes = DimensionBinder.Evaluate(work.Bytes, values, work.Node), products = DimensionBinder.Evaluate(work.MultiplyAdds, values, work.Node);
        return new(bytes, products, bytes / TransferCost.BytesPerCycle(chip), bytes / (chip.Memory.DramBytesPerSecond / (chip.ClockGhz * 1e9)), products / chip.Matrix.PeakMultiplyAdds(work.Class));
    }
}
