using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime.Binding;

/// <summary>The use that one run makes of a state: what it reads must be there, what it appends must fit, before anything changes.</summary>
internal sealed class StateUse
{
    private readonly List<(StateTensor Tensor, long[] Past, long Length)> _uses = [];

    private StateUse(SessionState state) => State = state;

    public SessionState State { get; }

    /// <exception cref="DiagnosticException">TCC5033–TCC5037.</exception>
    public static StateUse Begin(LoadedProgram program, SessionState? state, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        if (state is not null && !ReferenceEquals(state.Program, program))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5037", "the state belongs to another program", null, "create it for the program that runs"));
        }
        var use = new StateUse(state ?? SessionState.Create(program, dimensions));
        var diagnostics = new DiagnosticList();
        foreach (StateTensor tensor in program.Image.Tensors.Where(t => t.Kind == TensorKind.State).Select(t => use.State.Tensors[t.Name]))
        {
            StateDescription description = tensor.Symbol.State!;
            long[] past = inputs[description.Past].AsSpan<long>().ToArray();
            long length = DimensionBinder.Evaluate(description.Length, dimensions, tensor.Symbol.Name);
            if (!diagnostics.HasErrors)
            {
                tensor.Check(past, length, diagnostics);
            }
            use._uses.Add((tensor, past, length));
        }
        if (diagnostics.HasErrors)
        {
            throw new DiagnosticException(diagnostics);
        }
        foreach ((StateTensor tensor, long[] past, long length) in use._uses)
        {
            tensor.Begin(past, length);
        }
        return use;
    }

    /// <summary>The run has ended well.</summary>
    public void End()
    {
        foreach ((StateTensor tensor, long[] past, long length) in _uses)
        {
            tensor.End(past, length);
        }
    }
}
