using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Timing;

/// <summary>An instruction on an engine, for traces. Times in cycles.</summary>
public readonly record struct TimedInstruction(Engine Engine, Instruction Instruction, double Start, double End);

/// <summary>Collects what a simulation reports: totals, totals by source, and every instruction where someone wants them.</summary>
/// <param name="trace">Told of every instruction of an engine as it ends; null for none.</param>
internal sealed class TimingRecorder(Action<TimedInstruction>? trace)
{
    /// <summary>By debug tag.</summary>
    private readonly SourceWork?[] _sources = new SourceWork?[ushort.MaxValue + 1];

    private readonly Dictionary<(Engine, ushort, StallCause, Engine), double> _waits = [];

    /// <summary>Results that are on their way: when each is there, and whose it is.</summary>
    private readonly PriorityQueue<SourceWork, (double End, long Order)> _results = new();
    private long _order;
    private double _attributed;

    public long Instructions { get; private set; }

    public WorkTotals Totals { get; } = new();

    /// <summary>By debug tag, ascending.</summary>
    public IEnumerable<(ushort Tag, SourceWork Work)> Sources => _sources.Index().Where(s => s.Item is not null).Select(s => ((ushort)s.Index, s.Item!));

    /// <summary>Cycles in which an engine stood still before an instruction of a tag.</summary>
    public IEnumerable<KeyValuePair<(Engine Engine, ushort Tag, StallCause Cause, Engine From), double>> Waits => _waits.OrderBy(w => w.Key);

    public void Dispatched() => Instructions++;

    public void Ended(Engine engine, PendingInstruction p, double start, double end)
    {
        SourceWork source = _sources[p.Instruction.Tag] ??= new SourceWork();
        Totals.Add(p.Cost);
        source.Work.Add(p.Cost);
        source.Cycles[(int)engine] += engine switch
        {
            Engine.Matrix => p.Cost.Matrix.TilesPerArray * p.Cost.Matrix.Occupancy,
            Engine.Vector or Engine.Copy => end - start,
            // What a transfer takes of the bandwidth, not the time it shares with others.
            _ => p.Cost.Traffic.DramCharge,
        };
        if (engine is Engine.Matrix or Engine.Vector or Engine.Copy or Engine.DmaOut)
        {
            // An engine reports when an instruction begins or, a transfer, when it ends: nothing can end before that any more.
            Attribute(engine == Engine.DmaOut ? end : start);
            _results.Enqueue(source, (end, _order++));
        }
        trace?.Invoke(new TimedInstruction(engine, p.Instruction, start, end));
    }

    /// <summary>An engine stood still before an instruction of a source.</summary>
    public void Stalled(Engine engine, ushort tag, StallCause cause, Engine from, double cycles)
    {
        if (cycles > 0)
        {
            _waits[(engine, tag, cause, from)] = _waits.GetValueOrDefault((engine, tag, cause, from)) + cycles;
        }
    }

    /// <summary>
    /// Gives the cycles between one result and the next to the source of the next: all engines waited for it, or worked on it
    /// or ahead of it. Loads have no results; their time is that of the product they feed.
    /// </summary>
    public void Attribute(double until)
    {
        while (_results.TryPeek(out SourceWork? source, out (double End, long Order) at) && at.End <= until)
        {
            _results.Dequeue();
            source.Elapsed += double.Max(0, at.End - _attributed);
            _attributed = double.Max(_attributed, at.End);
        }
    }
}

/// <summary>What one source (a tile operation of a node) cost.</summary>
internal sealed class SourceWork
{
    public WorkTotals Work { get; } = new();

    /// <summary>By engine: cycles, or for DMA the bytes charged to DRAM.</summary>
    public double[] Cycles { get; } = new double[Engines.Count];

    /// <summary>Cycles of the run that passed up to its results, from the result before each.</summary>
    public double Elapsed { get; set; }
}

/// <summary>Events that take energy.</summary>
internal sealed class WorkTotals
{
    private readonly long[] _multiplyAdds = new long[Enum.GetValues<MacClass>().Length], _bytes = new long[Enum.GetValues<MemorySpace>().Length];

    public long AllMultiplyAdds => _multiplyAdds.Sum();

    public double VectorOperations { get; private set; }

    public long MultiplyAdds(MacClass format) => _multiplyAdds[(int)format];

    public long Bytes(MemorySpace space) => _bytes[(int)space];

    public void Add(in InstructionCost cost)
    {
        _multiplyAdds[(int)cost.Matrix.Class] += cost.Matrix.MultiplyAdds;
        _bytes[(int)MemorySpace.Dram] += cost.Traffic.Dram;
        _bytes[(int)MemorySpace.Asp] += cost.Traffic.Asp;
        _bytes[(int)MemorySpace.Wsp] += cost.Traffic.Wsp;
        _bytes[(int)MemorySpace.Acc] += cost.Traffic.Acc;
        VectorOperations += cost.VectorOperations;
    }
}
