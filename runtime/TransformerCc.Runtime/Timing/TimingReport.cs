using System.Collections.Immutable;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Runtime.Timing;

/// <summary>Where the time and the energy of a run go. Every cycle comes from an executed instruction.</summary>
/// <param name="DramBusyCycles">Cycles during which at least one transfer had DRAM's bandwidth.</param>
/// <param name="Bytes">Read and written per memory.</param>
/// <param name="Sources">By tile operation and node, most DRAM bytes first.</param>
public sealed record TimingReport(
    double Cycles, double Seconds, long Instructions, double DramBusyCycles, long MultiplyAdds, ImmutableSortedDictionary<MemorySpace, long> Bytes,
    ImmutableArray<EngineTime> Engines, EnergyReport Energy, ImmutableArray<SourceTime> Sources)
{
    /// <summary>The entry point that was timed.</summary>
    public required string EntryPoint { get; init; }

    /// <summary>The bound of the run; null where the binary does not say what its graph needs.</summary>
    public Roofline? Bound { get; init; }

    /// <summary>Bound and time of nodes, in the order of the graph; their cycles add up to the run's.</summary>
    public ImmutableArray<NodeTime> Nodes { get; init; } = [];

    /// <summary>What each engine waited for before the instructions of which nodes, most cycles first.</summary>
    public ImmutableArray<NodeWait> Waits { get; init; } = [];

    /// <summary>Positions appended to the caches of all sequences together; null for a model without caches.</summary>
    public long? Tokens { get; init; }

    /// <summary>Bytes of weights and tensors at these sizes; more than the chip's DRAM where the time is one of a chip with more.</summary>
    public required long DramNeeded { get; init; }
}

/// <param name="Busy">Cycles in which it worked; of the matrix engine in units of all arrays.</param>
/// <param name="Stalls">Cycles in which it had nothing to do, most first.</param>
public sealed record EngineTime(Engine Engine, double Busy, ImmutableArray<Stall> Stalls);

/// <param name="From">The engine that was waited for.</param>
public sealed record Stall(StallCause Cause, Engine From, double Cycles);

/// <summary>Cycles in which an engine stood still before instructions of a tile operation of nodes that are alike.</summary>
/// <param name="Node">As in <see cref="NodeTime"/>.</param>
public sealed record NodeWait(Engine Engine, string Operation, string Node, StallCause Cause, Engine From, double Cycles);

/// <summary>Joules by class of event.</summary>
public sealed record EnergyReport(double Matrix, double Vector, double Dram, double Scratchpads, double Static)
{
    public double Total => Matrix + Vector + Dram + Scratchpads + Static;

    internal static EnergyReport Of(WorkTotals work, double seconds, PowerDescription power)
    {
        const double Pico = 1e-12;
        double macs = (work.MultiplyAdds(MacClass.F32) * power.PicojoulesPerMacF32) + (work.MultiplyAdds(MacClass.BF16) * power.PicojoulesPerMacBf16)
            // Products of 8-bit floats cost about what those of 8-bit integers do, with sums as wide as bf16's.
            + (work.MultiplyAdds(MacClass.F8) * power.PicojoulesPerMacBf16 / 2) + (work.MultiplyAdds(MacClass.I8) * power.PicojoulesPerMacI8);
        long scratch = work.Bytes(MemorySpace.Asp) + work.Bytes(MemorySpace.Wsp) + work.Bytes(MemorySpace.Acc);
        return new EnergyReport(macs * Pico, work.VectorOperations * power.PicojoulesPerVectorOp * Pico, work.Bytes(MemorySpace.Dram) * power.PicojoulesPerDramByte * Pico,
            scratch * power.PicojoulesPerScratchByte * Pico, seconds * power.StaticWatts);
    }
}

/// <param name="Matrix">Cycles of the arrays in its range.</param>
/// <param name="DramCharge">Bytes of DRAM bandwidth, bursts and rows included.</param>
public sealed record SourceTime(string Operation, string Node, string Source, double Matrix, double Vector, double Copy, double DramCharge, long DramBytes, long MultiplyAdds, double Joules);
