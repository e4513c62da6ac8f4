using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Timing;

/// <summary>
/// Executes a program's instructions on the engines' queues and tells when each starts and ends; no data moves. A
/// discrete-event simulation: the sequencer runs ahead until a queue is full or a semaphore is missing, engines start
/// their instructions in order when what they acquire is there, transfers share DRAM.
/// </summary>
internal sealed class TimingSimulation
{
    private readonly PreparedProgram _program;
    private readonly ChipDescription _chip;
    private readonly long[] _registers = new long[Reg.Count];
    private readonly LoopStack _loops;
    private readonly ScalarUnit _scalar;
    private readonly KnownScalars _known;
    private readonly TimingRecorder _recorder;
    private readonly CancellationToken _cancellation;

    private readonly EngineQueue[] _engines = [.. Enumerable.Range(0, Engines.Count).Select(e => new EngineQueue((Engine)e))];
    private readonly ChannelTimes _channels = new();
    private readonly SharedBandwidth _dram;
    private readonly double _dramLatency;

    private readonly ArrayClocks _arrays;

    private readonly PriorityQueue<(EngineQueue? Engine, DmaTransfer? Transfer), (double Time, long Order)> _events = new();
    private long _order;

    private int _pc;
    private double _time;
    private bool _halted;
    private Engine? _blockedOn;

    public TimingSimulation(PreparedProgram program, ChipDescription chip, long[] parameters, KnownScalars known, TimingRecorder recorder, CancellationToken cancellation)
    {
        _program = program;
        _chip = chip;
        _known = known;
        _recorder = recorder;
        _cancellation = cancellation;
        _loops = new LoopStack(_registers);
        _scalar = new ScalarUnit(_registers, parameters, load => known.Value(load, _registers));
        _dram = new SharedBandwidth(TransferCost.BytesPerCycle(chip));
        _dramLatency = TransferCost.Latency(chip);
        _arrays = new ArrayClocks(chip.Matrix.Arrays);
    }

    public IReadOnlyList<EngineQueue> Queues => _engines;

    public double DramBusy => _dram.Busy;

    /// <summary>Runs to <c>halt</c> and until every engine is done; gives the cycles.</summary>
    /// <exception cref="TrapException">The program is no legal one: a deadlock, a missing parameter.</exception>
    public double Run()
    {
        try
        {
            while (true)
            {
                double next = double.Min(_events.TryPeek(out _, out (double Time, long Order) first) ? first.Time : double.PositiveInfinity, _dram.NextEnd);
                if (!_halted && _blockedOn is null && _time <= next)
                {
                    Dispatch();
                }
                else if (double.IsPositiveInfinity(next))
                {
                    return _halted && Array.TrueForAll(_engines, e => e.Pending.Count == 0)
                        ? _engines.Max(e => double.Max(e.LastEnd, _time))
                        : throw new TrapSignal(TrapKind.Semaphore, "deadlock: no engine can go on");
                }
                else if (_dram.NextEnd <= next)
                {
                    _dram.TakeEnded();
                    foreach (EngineQueue e in _engines)
                    {
                        EndTransfers(e, next);
                    }
                }
                else
                {
                    (EngineQueue? engine, DmaTransfer? transfer) = _events.Dequeue();
                    if (transfer is not null)
                    {
                        _dram.Join(transfer, next);
                    }
                    else if (engine!.NextLook == next)
                    {
                        engine.NextLook = double.PositiveInfinity;
                        Start(engine, next);
                    }
                }
            }
        }
        catch (TrapSignal signal)
        {
            Instruction i = _program.Code[_pc].Instruction;
            throw new TrapException(new Trap(signal.Kind, signal.Message, _program.Name, _pc, Isa.AssemblyLanguage.Disassembler.Print(i), _program.DebugOf(i)), []);
        }
    }

    /// <summary>One instruction of the sequencer, or one sent to an engine.</summary>
    private void Dispatch()
    {
        _cancellation.ThrowIfCancellationRequested();
        PreparedInstruction p = _program.Code[_pc];
        Instruction instruction = p.Instruction;
        EngineQueue engine = _engines[(int)p.Engine];
        if (p.Engine != Engine.Sequencer)
        {
            if (engine.Pending.Count >= _chip.Dma.QueueDepth)
            {
                _blockedOn = p.Engine;
                return;
            }
            if (instruction is Load load)
            {
                _known.Loaded(load, _registers);
            }
            engine.Pending.Enqueue(new PendingInstruction(instruction, InstructionCost.Of(instruction, _registers, _chip), _time + DispatchCost.QueuePush));
            _recorder.Dispatched();
            if (engine.Pending.Count == 1)
            {
                At(_time + DispatchCost.QueuePush, engine);
            }
            _pc = _loops.Advance(_pc + 1);
            _time++;
            return;
        }
        if (instruction is Fence)
        {
            if (!Drained())
            {
                _blockedOn = Engine.Sequencer;
                return;
            }
            _time = double.Max(_time, _engines.Max(e => e.LastEnd));
        }
        if (_channels.Find(instruction.Acquires, Engine.Sequencer) is not { } wait)
        {
            _blockedOn = Engine.Sequencer;
            return;
        }
        engine.IdleSince = _time;
        engine.Stall(StallCause.Semaphore, wait.Last, wait.Time);
        _time = double.Max(_time, wait.Time);
        _channels.Acquire(instruction.Acquires);
        _recorder.Dispatched();
        int next = _pc + 1;
        double cycles = 1;
        switch (instruction)
        {
            case Halt:
                _halted = true;
                return;
            case Loop loop:
                next = _loops.Enter(_pc, loop.Body, loop.Count.Resolve(_registers), loop.Counter);
                break;
            case Branch branch when ScalarUnit.IsTaken(branch.Condition, _registers[branch.Value.Index]):
                next += branch.Skip;
                cycles = DispatchCost.TakenBranch;
                break;
            case Branch or Fence or Wait or Post:
                break;
            default:
                _scalar.Execute(instruction);
                break;
        }
        _time += cycles;
        engine.Busy += cycles;
        Release(instruction, Engine.Sequencer, _time);
        _pc = _loops.Advance(next);
    }

    private bool Drained() => Array.TrueForAll(_engines, e => e.Pending.Count == 0 && e.InFlight.Count == 0);

    /// <summary>Lets an engine look for something to start. A look that comes earlier finds out itself when the next is due.</summary>
    private void At(double time, EngineQueue engine)
    {
        if (time < engine.NextLook)
        {
            engine.NextLook = time;
            _events.Enqueue((engine, null), (time, _order++));
        }
    }

    /// <summary>Starts what can start at this time; otherwise comes back when that is known to change.</summary>
    private void Start(EngineQueue engine, double now)
    {
        while (engine.Pending.TryPeek(out PendingInstruction? head))
        {
            if (_channels.Find(head.Instruction.Acquires, engine.Engine) is not { } wait)
            {
                return;
            }
            if (IsDma(engine.Engine) && engine.InFlight.Count >= _chip.Dma.Outstanding)
            {
                // The end of a transfer starts the next.
                return;
            }
            // Nothing starts in the past: where room for a transfer was missing, it comes now.
            double ready = double.Max(double.Max(head.Arrival, engine.LastStart), double.Max(wait.Time, now));
            double start = engine.Engine switch
            {
                Engine.Matrix => _arrays.Start(head.Cost.Matrix, ready, double.Max(head.Arrival, wait.Weights)),
                Engine.Vector or Engine.Copy => double.Max(ready, engine.LastEnd),
                _ => ready,
            };
            if (start > now)
            {
                At(start, engine);
                return;
            }
            engine.Pending.Dequeue();
            _channels.Acquire(head.Instruction.Acquires);
            if (engine.InFlight.Count == 0)
            {
                // Each cause up to its end: the instruction was not there, then a unit of a channel, then room in the engine.
                Stall(engine, head.Instruction, StallCause.Dispatch, Engine.Sequencer, double.Min(head.Arrival, start));
                Stall(engine, head.Instruction, StallCause.Semaphore, wait.Last, double.Min(wait.Time, start));
                Stall(engine, head.Instruction, StallCause.Resource, engine.Engine, start);
            }
            engine.LastStart = start;
            Begin(engine, head, start);
            if (_blockedOn == engine.Engine)
            {
                Resume(start);
            }
        }
    }

    private void Stall(EngineQueue engine, Instruction before, StallCause cause, Engine from, double until) =>
        _recorder.Stalled(engine.Engine, before.Tag, cause, from, engine.Stall(cause, from, until));

    private void Begin(EngineQueue engine, PendingInstruction head, double start)
    {
        if (IsDma(engine.Engine))
        {
            var transfer = new DmaTransfer(head, start);
            engine.InFlight.Enqueue(transfer);
            if (transfer.Remaining > 0)
            {
                _events.Enqueue((engine, transfer), (start + _dramLatency, _order++));
            }
            else
            {
                transfer.HasArrived = true;
                EndTransfers(engine, start);
            }
            return;
        }
        double end;
        if (engine.Engine == Engine.Matrix)
        {
            end = double.Max(engine.LastEnd, RunMatrix(engine, head.Cost.Matrix, start));
        }
        else
        {
            end = start + (head.Instruction is Wait or Post ? 0 : head.Cost.Cycles);
            engine.Busy += end - start;
            engine.IdleSince = end;
        }
        End(engine, head, start, end);
    }

    private double RunMatrix(EngineQueue engine, MatrixCost cost, double start)
    {
        if (cost.TilesPerArray == 0)
        {
            return start;
        }
        engine.Busy += cost.Busy * cost.ArrayCount / _chip.Matrix.Arrays;
        engine.IdleSince = double.Max(engine.IdleSince, start + cost.Busy);
        return _arrays.Run(cost, start);
    }

    /// <summary>Transfers end in order.</summary>
    private void EndTransfers(EngineQueue engine, double now)
    {
        bool ended = false;
        while (engine.InFlight.TryPeek(out DmaTransfer? oldest) && oldest.HasArrived)
        {
            engine.InFlight.Dequeue();
            engine.Busy += now - double.Max(oldest.Start, engine.LastEnd);
            engine.IdleSince = now;
            End(engine, oldest.Instruction, oldest.Start, now);
            ended = true;
        }
        if (ended)
        {
            Start(engine, now);
        }
    }

    private void End(EngineQueue engine, PendingInstruction head, double start, double end)
    {
        engine.LastEnd = end;
        _recorder.Ended(engine.Engine, head, start, end);
        Release(head.Instruction, engine.Engine, end);
        if (_blockedOn == Engine.Sequencer && _program.Code[_pc].Instruction is Fence && Drained())
        {
            Resume(_time);
        }
    }

    private void Release(Instruction instruction, Engine by, double time)
    {
        SemaphoreList releases = instruction.Releases;
        for (int i = 0; i < releases.Count; i++)
        {
            switch (_channels.Release(releases[i], by, time + DispatchCost.SemaphoreHandOff))
            {
                case Engine.Sequencer:
                    Resume(_time);
                    break;
                case { } waiting:
                    At(time + DispatchCost.SemaphoreHandOff, _engines[(int)waiting]);
                    break;
            }
        }
    }

    private void Resume(double time)
    {
        _blockedOn = null;
        _time = double.Max(_time, time);
    }

    private static bool IsDma(Engine engine) => engine is Engine.WeightDma or Engine.DmaIn or Engine.DmaOut;
}
