using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Binding;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Isolation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime;

/// <summary>How to run.</summary>
public sealed record RunOptions
{
    /// <summary>Also look for uninitialised reads and races. Several times slower.</summary>
    public bool Check { get; init; }

    /// <summary>Values of dimensions that no input shape shows, or that must differ from it, and of integer inputs that are left out.</summary>
    public IReadOnlyDictionary<string, long> Set { get; init; } = ImmutableDictionary<string, long>.Empty;

    /// <summary>What lives on between runs: read, and continued by the run. Null: the run begins with empty caches of its own.</summary>
    public SessionState? State { get; init; }

    /// <summary>Null: the one planned for the fewest tokens that runs the sizes at hand.</summary>
    public string? EntryPoint { get; init; }

    /// <summary>Sees what every instruction of the engines writes, in program order.</summary>
    public IInstructionObserver? Observer { get; init; }

    public CancellationToken Cancellation { get; init; }
}

/// <param name="Findings">Of checking mode; empty without it.</param>
public sealed record RunResult(IReadOnlyDictionary<string, Tensor> Outputs, RunStatistics Statistics, IReadOnlyList<Finding> Findings);

/// <summary>
/// Runs a program on emulated hardware: binds dimensions from the inputs' shapes, lays out DRAM for the actual sizes,
/// writes the parameter block, executes, returns the outputs. Every run starts from a fresh machine; only a state lives on.
/// </summary>
public sealed class Session(LoadedProgram program)
{
    /// <summary>Null while a run uses it; a second run at the same time has its own.</summary>
    private ScratchMemory? _scratch;

    public LoadedProgram Program => program;

    /// <exception cref="DiagnosticException">The inputs do not match the program (TCC5020–TCC5040); a state is unchanged.</exception>
    /// <exception cref="TrapException">The program failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public RunResult Run(IReadOnlyDictionary<string, Tensor> inputs, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        options ??= new RunOptions();
        Dictionary<string, long> dimensions = DimensionBinder.Bind(program.Image, inputs, options.Set, options.State?.Dimensions);
        PreparedProgram entry = program.EntryPoint(options.EntryPoint, dimensions);
        bool tableGiven = inputs.ContainsKey(StateDescription.PageTable) || options.Set.ContainsKey(StateDescription.PageTable);
        StateUse state = StateUse.Begin(program, options.State, InputFiller.Fill(program.Image, inputs, options.Set, dimensions), tableGiven, dimensions);
        using DramLayout layout = DramLayout.Create(program, state.Inputs, dimensions, state.State);
        ScratchMemory scratch = Interlocked.Exchange(ref _scratch, null) ?? new ScratchMemory(program.Chip.Memory);
        var memories = new Memories(scratch, layout.Map);
        using RaceChecker? checker = options.Check ? new RaceChecker(entry, memories) : null;
        foreach (StateTensor tensor in checker is null ? [] : state.State.Tensors.Values)
        {
            checker!.MarkWritten(tensor.Symbol.Name, tensor.Written());
        }
        var machine = new Machine(entry, program.Chip, memories, layout.Parameters, checker, options.Observer, options.Cancellation);
        try
        {
            machine.Run();
        }
        finally
        {
            Keep(scratch, machine.Statistics);
        }
        state.End();
        checker?.CheckOutputs();
        GC.KeepAlive(program);
        return new RunResult(layout.Outputs, machine.Statistics.ToResult(), checker?.Findings ?? []);
    }

    /// <summary>For the next run, as it was before this one.</summary>
    private void Keep(ScratchMemory scratch, Statistics statistics)
    {
        foreach (MemorySpace space in (MemorySpace[])[MemorySpace.Asp, MemorySpace.Acc, MemorySpace.Wsp])
        {
            scratch.Clear(space, statistics.Peak(space));
        }
        Interlocked.Exchange(ref _scratch, scratch)?.Dispose();
    }
}
