using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What a tile program would take by itself.</summary>
/// <param name="Cycles">From its first instruction to its last result; no less than its busiest engine or DRAM takes.</param>
/// <param name="Busiest">Cycles of work of the engine that has most of it, or of the bytes at the sustained bandwidth of DRAM.</param>
/// <param name="DramBytes">Bandwidth that its transfers take.</param>
/// <param name="WeightBytes">That of them which loads of weights take.</param>
/// <param name="IsDramBound">Whether no engine has as much to do as DRAM.</param>
internal readonly record struct TilingCost(double Cycles, double Busiest, double DramBytes, double WeightBytes, bool IsDramBound)
{
    /// <summary>What reading weights again takes of the bandwidth, at least, to be worth avoiding.</summary>
    private const double Worthwhile = 0.1;

    /// <summary>Whether DRAM is what bounds a program, and loads of weights that it had before are a good part of that.</summary>
    public bool ReadsWeightsAgain(TileProgram program) => IsDramBound && WeightBytes - program.Weights.Pieces.OfType<WeightPanel>().Sum(p => p.Bytes) > Worthwhile * DramBytes;
}

/// <summary>
/// An analytical estimate of a tile program at given sizes, from the cost formulas that the timing model has: engines
/// work side by side, each in its order, and statements that share a buffer follow each other, as the channels will order
/// them. A loop is its first iterations, which fill the pipeline, then its steady state as often as it repeats, then its
/// last, ragged one.
/// </summary>
/// <remarks>
/// The weight stream is taken to be as far ahead as its ring when the program begins. Transfers have DRAM to
/// themselves; that all of them together take no more than its bandwidth is a bound on the result. Queues have no end.
/// </remarks>
internal sealed class TileEstimate
{
    /// <summary>Iterations that are followed one by one before the steady state.</summary>
    private const int Filling = 3;

    private readonly ChipDescription _chip;
    private readonly double _bytesPerCycle, _latency;
    private readonly Dictionary<string, long> _symbols;
    private readonly Dictionary<TileStatement, StatementCost> _costs;
    private readonly Dictionary<TileBuffer, List<BufferClock>> _buffers = [];
    private readonly Dictionary<TileChannel, Queue<double>> _channels = [];
    private readonly HashSet<TileBuffer> _ordered = [];
    private readonly ArrayClocks _arrays;

    /// <summary>By engine: the last end, when its DRAM side is free, and cycles of work.</summary>
    private readonly double[] _end = new double[Engines.Count], _data = new double[Engines.Count], _busy = new double[Engines.Count];
    private double _dispatch, _product, _dramBytes, _weightBytes;

    private TileEstimate(TileProgram program, IReadOnlyDictionary<string, long> sizes, Dictionary<TileStatement, StatementCost> costs)
    {
        _costs = costs;
        _chip = program.Chip;
        _symbols = new Dictionary<string, long>(sizes, StringComparer.Ordinal);
        _bytesPerCycle = TransferCost.BytesPerCycle(_chip);
        _latency = TransferCost.Latency(_chip);
        _arrays = new ArrayClocks(_chip.Matrix.Arrays);
        _data[(int)Engine.WeightDma] = -program.Ring.Sum(s => s.Bytes) / _bytesPerCycle;
        foreach (TileChannel channel in program.Channels.Values)
        {
            _channels[channel] = new Queue<double>(Enumerable.Repeat(0.0, channel.Credits));
        }
    }

    /// <param name="sizes">Values of all symbolic dimensions.</param>
    /// <param name="costs">Of the program's statements; it gets those it lacks, for other sizes of the same program.</param>
    public static TilingCost Of(TileProgram program, IReadOnlyDictionary<string, long> sizes, Dictionary<TileStatement, StatementCost> costs)
    {
        var estimate = new TileEstimate(program, sizes, costs);
        estimate.Run(program.Body);
        double dram = estimate._dramBytes / estimate._bytesPerCycle, busiest = double.Max(dram, estimate._busy.Max());
        return new TilingCost(double.Max(estimate._end.Max(), busiest), busiest, estimate._dramBytes, estimate._weightBytes, dram >= busiest);
    }

    private void Run(TileBlock block)
    {
        TileBuffer[] ordered = [.. block.Buffers.Where(b => b.OrderedByHand)];
        _ordered.UnionWith(ordered);
        foreach (TileNode node in block.Nodes)
        {
            switch (node)
            {
                case TileLoop loop:
                    Run(loop);
                    break;
                case TileLet let:
                    _symbols[let.Name] = let.Value.Evaluate(_symbols);
                    _dispatch++;
                    break;
                case TileStatement statement:
                    Run(statement);
                    break;
            }
        }
        _ordered.ExceptWith(ordered);
    }

    private void Run(TileLoop loop)
    {
        long count = loop.Count.Evaluate(_symbols), followed = long.Min(count, Filling);
        (double end, double dram, double weights, double[] busy) = (0, 0, 0, []);
        for (long i = 0; i < followed; i++)
        {
            (end, dram, weights, busy) = (_end.Max(), _dramBytes, _weightBytes, [.. _busy]);
            Iteration(loop, i);
        }
        // All but the last are as long as the one before.
        double skipped = count - followed - 1;
        if (skipped > 0)
        {
            Shift(skipped * (_end.Max() - end));
            _dramBytes += skipped * (_dramBytes - dram);
            _weightBytes += skipped * (_weightBytes - weights);
            for (int e = 0; e < busy.Length; e++)
            {
                _busy[e] += skipped * (_busy[e] - busy[e]);
            }
        }
        if (count > followed)
        {
            Iteration(loop, count - 1);
        }
    }

    private void Iteration(TileLoop loop, long index)
    {
        _symbols[loop.Variable] = index;
        Run(loop.Body);
    }

    private void Run(TileStatement statement)
    {
        Engine engine = statement.Engine;
        double ready = 0, weights = 0;
        foreach (TileChannel channel in statement.Takes)
        {
            ready = double.Max(ready, _channels[channel].TryDequeue(out double given) ? given : 0);
        }
        _dispatch++;
        if (statement.Kind.Info.Engine is null)
        {
            // A post comes when all before it has ended.
            Give(statement, double.Max(ready, _end[(int)engine]));
            return;
        }
        if (!_costs.TryGetValue(statement, out StatementCost? known))
        {
            _costs[statement] = known = new StatementCost(statement);
        }
        foreach (BufferAccess access in known.Buffers)
        {
            foreach (BufferClock clock in Clocks(access.Buffer))
            {
                if (!clock.Part.IsApartFrom(access.Part))
                {
                    ready = double.Max(ready, clock.Free(engine, access.Writes));
                    weights = double.Max(weights, clock.Written(Engine.WeightDma));
                }
            }
        }
        double end = engine == Engine.Sequencer ? Scalar(statement, ready) : Execute(engine, known.Of(_chip, _symbols), ready, weights);
        foreach (BufferAccess access in known.Buffers)
        {
            if (!_ordered.Contains(access.Buffer))
            {
                Clock(access).Use(engine, access.Writes, end + DispatchCost.SemaphoreHandOff);
            }
        }
        Give(statement, end);
    }

    private BufferClock Clock(BufferAccess access)
    {
        List<BufferClock> clocks = Clocks(access.Buffer);
        foreach (BufferClock known in clocks)
        {
            if (known.Part == access.Part)
            {
                return known;
            }
        }
        var clock = new BufferClock(access.Part);
        clocks.Add(clock);
        return clock;
    }

    private List<BufferClock> Clocks(TileBuffer buffer) => _buffers.TryGetValue(buffer, out List<BufferClock>? clocks) ? clocks : _buffers[buffer] = [];

    private void Give(TileStatement statement, double end)
    {
        foreach (TileChannel channel in statement.Gives)
        {
            _channels[channel].Enqueue(end + DispatchCost.SemaphoreHandOff);
        }
    }

    /// <summary>The sequencer reads a number and waits for it; sizes are planned for the largest.</summary>
    private double Scalar(TileStatement statement, double ready)
    {
        foreach (NamedOperand operand in statement.Operands)
        {
            if (operand.Value is DefinitionOperand definition)
            {
                _symbols[definition.Name] = definition.Interval.Upper;
            }
        }
        return _dispatch = double.Max(_dispatch, ready);
    }

    private double Execute(Engine engine, InstructionCost cost, double ready, double weights)
    {
        int e = (int)engine;
        // The loads of weights are hoisted: nothing but their slots keeps them.
        double arrival = engine == Engine.WeightDma ? double.NegativeInfinity : _dispatch + DispatchCost.QueuePush, end;
        switch (engine)
        {
            case Engine.Matrix:
                // Products start in order.
                _product = _arrays.Start(cost.Matrix, double.Max(double.Max(ready, arrival), _product), double.Max(weights, arrival));
                end = double.Max(_end[e], _arrays.Run(cost.Matrix, _product));
                _busy[e] += cost.Matrix.Busy * cost.Matrix.ArrayCount / _chip.Matrix.Arrays;
                break;
            case Engine.Vector or Engine.Copy:
                end = double.Max(double.Max(ready, arrival), _end[e]) + cost.Cycles;
                _busy[e] += cost.Cycles;
                break;
            default:
                double cycles = double.Max(cost.Traffic.DramCharge / _bytesPerCycle, cost.PortCycles);
                // Latencies lie side by side, data comes one after the other.
                end = _data[e] = double.Max(double.Max(ready, arrival) + _latency, _data[e]) + cycles;
                _busy[e] += cycles;
                _dramBytes += cost.Traffic.DramCharge;
                _weightBytes += engine == Engine.WeightDma ? cost.Traffic.DramCharge : 0;
                break;
        }
        return _end[e] = end;
    }

    private void Shift(double cycles)
    {
        _dispatch += cycles;
        _product += cycles;
        _arrays.Shift(cycles);
        for (int e = 0; e < Engines.Count; e++)
        {
            _end[e] += cycles;
            _data[e] += cycles;
        }
        foreach (BufferClock clock in _buffers.Values.SelectMany(c => c))
        {
            clock.Shift(cycles);
        }
        foreach (TileChannel channel in _channels.Keys.ToArray())
        {
            _channels[channel] = new Queue<double>(_channels[channel].Select(t => t + cycles));
        }
    }

    /// <summary>When the engines have done with a part of a buffer; a channel hands them on to another engine.</summary>
    private sealed class BufferClock(AccessedPart part)
    {
        public AccessedPart Part => part;

        private readonly double[] _written = Never(), _used = Never();

        public double Written(Engine by) => _written[(int)by];

        /// <summary>When an engine may read or write it after all others.</summary>
        public double Free(Engine engine, bool toWrite)
        {
            double free = double.NegativeInfinity;
            for (int e = 0; e < Engines.Count; e++)
            {
                free = e == (int)engine ? free : double.Max(free, toWrite ? _used[e] : _written[e]);
            }
            return free;
        }

        public void Use(Engine engine, bool writes, double end)
        {
            _used[(int)engine] = end;
            if (writes)
            {
                _written[(int)engine] = end;
            }
        }

        public void Shift(double cycles)
        {
            for (int e = 0; e < Engines.Count; e++)
            {
                _written[e] += cycles;
                _used[e] += cycles;
            }
        }

        private static double[] Never() => [.. Enumerable.Repeat(double.NegativeInfinity, Engines.Count)];
    }
}
