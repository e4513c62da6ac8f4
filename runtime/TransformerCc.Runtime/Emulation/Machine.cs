using TransformerCc.Isa.AssemblyLanguage;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Isolation;
using TransformerCc.Runtime.Kernels;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Emulation;

/// <summary>
/// The functional emulator: the sequencer, and every engine's instructions in program order, which is a legal sequential
/// execution of the parallel machine. Nothing here trusts the program: each instruction's counts, bounds and alignment
/// are checked before its kernel runs.
/// </summary>
internal sealed class Machine
{
    private readonly PreparedProgram _program;
    private readonly EngineContext _context;
    private readonly ScalarUnit _scalar;
    private readonly SemaphoreFile _semaphores = new();
    private readonly LoopStack _loops;
    private readonly Statistics _statistics = new();
    private readonly RaceChecker? _checker;
    private readonly KnownScalars? _known;
    private readonly CancellationToken _cancellation;
    private readonly InstructionObservation? _observation;
    private AccessCheck _access;

    /// <param name="known">Not null: no data moves, every access is checked, and this is what scalar loads find.</param>
    public Machine(PreparedProgram program, ChipDescription chip, Memories memories, long[] parameters, RaceChecker? checker, IInstructionObserver? observer, CancellationToken cancellation, KnownScalars? known = null)
    {
        _program = program;
        _checker = checker;
        _known = known;
        _cancellation = cancellation;
        _context = new EngineContext(memories, chip, _statistics, checker);
        _scalar = new ScalarUnit(_context.Registers, parameters, LoadInteger);
        _loops = new LoopStack(_context.Registers);
        _observation = observer is null ? null : new InstructionObservation(observer, _context);
        _access = new AccessCheck(memories, _statistics, checker, cancellation);
    }

    public Statistics Statistics => _statistics;

    /// <summary>Runs from the first instruction to <c>halt</c>.</summary>
    /// <param name="budget">Bytes accessed in all memories after which to stop.</param>
    /// <returns>False when the budget ended it.</returns>
    public bool Run(long budget = long.MaxValue)
    {
        int pc = 0;
        try
        {
            while (true)
            {
                _cancellation.ThrowIfCancellationRequested();
                ref readonly PreparedInstruction p = ref _program.Code[pc];
                int next = Step(in p, pc);
                if (next < 0)
                {
                    return true;
                }
                if (_statistics.Traffic > budget)
                {
                    return false;
                }
                pc = _loops.Advance(next);
            }
        }
        catch (TrapSignal signal)
        {
            Instruction i = _program.Code[pc].Instruction;
            throw new TrapException(new Trap(signal.Kind, signal.Message, _program.Name, pc, Disassembler.Print(i), _program.DebugOf(i)), _checker is null ? [] : _checker.Findings);
        }
    }

    /// <summary>Executes one instruction; gives the place of the next one, or −1 after <c>halt</c>.</summary>
    private int Step(in PreparedInstruction p, int pc)
    {
        Instruction instruction = p.Instruction;
        _statistics.Count(p.Opcode, p.Engine);
        SemaphoreList acquires = instruction.Acquires, releases = instruction.Releases;
        for (int i = 0; i < acquires.Count; i++)
        {
            _semaphores.Acquire(acquires[i], p.Engine);
        }
        _checker?.Begin(pc, p.Engine, acquires);
        int next = pc + 1;
        switch (instruction)
        {
            case Halt:
                return -1;
            case Loop loop:
                next = _loops.Enter(pc, loop.Body, _context.Value(loop.Count), loop.Counter);
                break;
            case Branch branch:
                next += ScalarUnit.IsTaken(branch.Condition, _context.Registers[branch.Value.Index]) ? branch.Skip : 0;
                break;
            case Fence:
                _checker?.Fence();
                break;
            case Wait or Post:
                break;
            default:
                if (p.Engine == Engine.Sequencer)
                {
                    instruction.Footprint(_context.Registers, ref _access);
                    _scalar.Execute(instruction);
                }
                else
                {
                    CheckCounts(in p);
                    instruction.Footprint(_context.Registers, ref _access);
                    if (_known is null)
                    {
                        EngineDispatch.Execute(_context, instruction);
                    }
                    else if (instruction is Load load)
                    {
                        _known.Loaded(load, _context.Registers);
                    }
                    _observation?.Executed(instruction);
                }
                break;
        }
        for (int i = 0; i < releases.Count; i++)
        {
            _semaphores.Release(releases[i], p.Engine);
        }
        _checker?.End(p.Engine, releases);
        return next;
    }

    private unsafe long LoadInteger(LoadScalar i)
    {
        if (_known is not null)
        {
            return _known.Value(i, _context.Registers);
        }
        Span<long> value = stackalloc long[1];
        RowConversion.ReadIntegers(i.Format, _context.Pointer(i.Address), value);
        return value[0];
    }

    /// <summary>Register operands must be sensible before a footprint multiplies them.</summary>
    private void CheckCounts(in PreparedInstruction p)
    {
        foreach (byte register in p.DimRegisters)
        {
            if (_context.Registers[register] is < 0 or > AccessCheck.Limit)
            {
                throw new TrapSignal(TrapKind.BadDimension, FormattableString.Invariant($"s{register} holds {_context.Registers[register]}, which is no count or stride"));
            }
        }
        Dim3? block = p.Instruction switch { Load l => l.Count, Store s => s.Count, Copy c => c.Count, _ => null };
        if (block is { } count)
        {
            StridedMove.CheckCount(_context, count);
        }
    }
}
