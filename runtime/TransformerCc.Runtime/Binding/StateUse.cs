using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Binding;

/// <summary>The use that one run makes of a state: what it reads must be there, what it appends must fit, before anything changes.</summary>
internal sealed class StateUse
{
    private readonly List<(StateTensor Tensor, long[] Past, long Length)> _uses = [];

    private StateUse(SessionState state, IReadOnlyDictionary<string, Tensor> inputs) => (State, Inputs) = (state, inputs);

    /// <summary>Of the run: with the page table that the session made, where none was given.</summary>
    public IReadOnlyDictionary<string, Tensor> Inputs { get; private set; }

    public SessionState State { get; }

    /// <param name="tableGiven">Whether a page table came with the inputs.</param>
    /// <exception cref="DiagnosticException">TCC5033–TCC5040.</exception>
    public static StateUse Begin(LoadedProgram program, SessionState? state, IReadOnlyDictionary<string, Tensor> inputs, bool tableGiven, IReadOnlyDictionary<string, long> dimensions)
    {
        if (state is not null && !ReferenceEquals(state.Program, program))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5037", "the state belongs to another program", null, "create it for the program that runs"));
        }
        var use = new StateUse(state ?? SessionState.Create(program, dimensions), inputs);
        var diagnostics = new DiagnosticList();
        foreach (StateTensor tensor in program.Image.Tensors.Where(t => t.Kind == TensorKind.State).Select(t => use.State.Tensors[t.Name]))
        {
            StateDescription description = tensor.Symbol.State!;
            long[] past = inputs[description.Past].AsSpan<long>().ToArray();
            long length = DimensionBinder.Evaluate(description.Length, dimensions, tensor.Symbol.Name);
            if (!diagnostics.HasErrors)
            {
                tensor.Check(past, length, !tableGiven, diagnostics);
            }
            use._uses.Add((tensor, past, length));
        }
        if (!diagnostics.HasErrors)
        {
            use.Pages(tableGiven, diagnostics);
        }
        if (diagnostics.HasErrors)
        {
            throw new DiagnosticException(diagnostics);
        }
        foreach ((StateTensor tensor, long[] past, long length) in use._uses)
        {
            tensor.Begin(past, length);
        }
        use.WritePages(done: false);
        return use;
    }

    /// <summary>The page table: made where none was given, and checked.</summary>
    private void Pages(bool given, DiagnosticList diagnostics)
    {
        if (State.Pool is not { } pool)
        {
            return;
        }
        (long[] past, long length) = Paged;
        if (!given && pool.Assign(past, length, diagnostics) is { } table)
        {
            var all = Inputs.ToDictionary(StringComparer.Ordinal);
            all[StateDescription.PageTable] = Tensor.From<long>(ElementType.I64, Inputs[StateDescription.PageTable].Shape, table);
            Inputs = all;
        }
        if (!diagnostics.HasErrors)
        {
            pool.Check(Table, past, length, diagnostics);
        }
        if (given && !diagnostics.HasErrors)
        {
            pool.Disown();
        }
    }

    /// <summary>All paged states append the same positions.</summary>
    private (long[] Past, long Length) Paged => _uses.Where(u => u.Tensor.Symbol.State!.Mode == StateMode.Paged).Select(u => (u.Past, u.Length)).First();

    private ReadOnlySpan<long> Table => Inputs[StateDescription.PageTable].AsSpan<long>();

    private void WritePages(bool done)
    {
        if (State.Pool is { } pool)
        {
            (long[] past, long length) = Paged;
            pool.Write(Table, past, length, done);
        }
    }

    /// <summary>The run has ended well.</summary>
    public void End()
    {
        foreach ((StateTensor tensor, long[] past, long length) in _uses)
        {
            tensor.End(past, length);
        }
        WritePages(done: true);
    }
}
