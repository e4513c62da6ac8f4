using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Runtime.Timing;

/// <summary>An instruction in the queue of its engine, with its operands resolved.</summary>
/// <param name="Arrival">When the engine sees it.</param>
internal sealed record PendingInstruction(Instruction Instruction, InstructionCost Cost, double Arrival);

/// <summary>Why an engine stood still.</summary>
public enum StallCause
{
    /// <summary>The sequencer had not sent anything.</summary>
    Dispatch,
    /// <summary>A semaphore that another engine had not released.</summary>
    Semaphore,
    /// <summary>Its own resources: transfers in flight, weights on their way into an array.</summary>
    Resource,
}

/// <summary>An engine of the timing model: its queue, and when it was busy.</summary>
internal sealed class EngineQueue(Engine engine)
{
    public Engine Engine => engine;

    public Queue<PendingInstruction> Pending { get; } = [];

    /// <summary>DMA: transfers that have started and not ended, oldest first.</summary>
    public Queue<DmaTransfer> InFlight { get; } = [];

    /// <summary>The time of the event at which it looks for something to start; infinity when there is none.</summary>
    public double NextLook { get; set; } = double.PositiveInfinity;

    /// <summary>Engines start and end their instructions in order.</summary>
    public double LastStart { get; set; }

    public double LastEnd { get; set; }

    /// <summary>Since when it has had nothing to do.</summary>
    public double IdleSince { get; set; }

    public double Busy { get; set; }

    /// <summary>Cycles by cause, and by the engine that was waited for.</summary>
    public SortedDictionary<(StallCause Cause, Engine From), double> Stalls { get; } = [];

    /// <summary>Gives the cycles that it stood still.</summary>
    public double Stall(StallCause cause, Engine from, double until)
    {
        double cycles = until - IdleSince;
        if (cycles <= 0)
        {
            return 0;
        }
        Stalls[(cause, from)] = Stalls.GetValueOrDefault((cause, from)) + cycles;
        IdleSince = until;
        return cycles;
    }
}
