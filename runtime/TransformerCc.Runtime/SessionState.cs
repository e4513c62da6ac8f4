using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Binding;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Runtime;

/// <summary>
/// The tensors of a program that live on between runs (caches of keys and values), for given sizes. How many positions
/// of a sequence count is the run's data (the input that says how many are past), so that going back to fewer positions
/// needs nothing but a smaller number. Not for two runs at once.
/// </summary>
public sealed class SessionState
{
    private SessionState(LoadedProgram program, IReadOnlyDictionary<string, long> dimensions)
    {
        Program = program;
        ProgramImage image = program.Image;
        if (image.Tensors.FirstOrDefault(t => t.State?.Mode == StateMode.Paged) is { } paged)
        {
            long[] shape = DramLayout.Shape(paged, dimensions), table = DramLayout.Shape(image.Tensors.First(t => t.Name == StateDescription.PageTable && t.Kind == TensorKind.Input), dimensions);
            Pool = new PagePool(shape[StateDescription.BatchAxis], shape[StateDescription.SlotAxis], table[0], table[1]);
        }
        Tensors = image.Tensors.Where(t => t.Kind == TensorKind.State).ToImmutableDictionary(t => t.Name, t => new StateTensor(t, dimensions, DimensionBinder.Evaluate(image.Sequences(t.State!), dimensions, t.Name), Pool), StringComparer.Ordinal);
        Dimensions = dimensions.Where(d => Uses(image, d.Key)).ToImmutableSortedDictionary(StringComparer.Ordinal);
    }

    /// <summary>The dimensions that the sizes of the states hold; a run with this state has the same.</summary>
    public IReadOnlyDictionary<string, long> Dimensions { get; }

    /// <summary>Positions that each sequence holds after the last run, padding included; a run may continue at any of them.</summary>
    public IReadOnlyList<long> Positions => Tensors.Count == 0
        ? []
        : [.. Tensors.Values.Select(t => t.Held).Aggregate((a, b) => [.. a.Zip(b, long.Min)])];

    /// <summary>Bytes of all states.</summary>
    public long Bytes => Tensors.Values.Sum(t => t.Memory.LongLength);

    /// <summary>Pages of paged caches that sequences have at present.</summary>
    public long Pages => Pool?.Taken ?? 0;

    internal LoadedProgram Program { get; }

    /// <summary>Null without paged caches.</summary>
    internal PagePool? Pool { get; }

    internal ImmutableDictionary<string, StateTensor> Tensors { get; }

    /// <summary>Empty caches for a number of sequences and a capacity in positions: the dimensions "batch" and "context".</summary>
    /// <exception cref="DiagnosticException">A state has other dimensions, or one is outside its bounds, or it is too large.</exception>
    public static SessionState Create(LoadedProgram program, long batch, long context) =>
        Create(program, new Dictionary<string, long>(StringComparer.Ordinal) { ["batch"] = batch, ["context"] = context });

    /// <summary>Empty caches for values of the dimensions in their shapes; other dimensions are ignored.</summary>
    /// <exception cref="DiagnosticException">A dimension is missing or outside its bounds, or a state is too large.</exception>
    public static SessionState Create(LoadedProgram program, IReadOnlyDictionary<string, long> dimensions)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(dimensions);
        var diagnostics = new DiagnosticList();
        var values = new Dictionary<string, long>(dimensions, StringComparer.Ordinal);
        foreach (DimensionSymbol d in program.Image.Dimensions.Where(d => d.Default is { } value && Uses(program.Image, d.Name) && value.Symbols.All(dimensions.ContainsKey)))
        {
            values.TryAdd(d.Name, DimensionBinder.Evaluate(d.Default!, dimensions, d.Name));
        }
        foreach (DimensionSymbol d in program.Image.Dimensions.Where(d => Uses(program.Image, d.Name)))
        {
            if (!values.TryGetValue(d.Name, out long value))
            {
                diagnostics.Add(Diagnostic.Error("TCC5026", $"the caches need the dimension '{d.Name}'", null, "give its value when the state is created"));
            }
            else if (value < d.Lower || value > d.Upper)
            {
                diagnostics.Add(DimensionBinder.OutOfBounds(d, value));
            }
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : new SessionState(program, values);
    }

    private static bool Uses(ProgramImage image, string dimension) =>
        image.Tensors.Any(t => t.State is { } state && (t.Shape.Any(e => e.Symbols.Contains(dimension)) || state.Positions?.Symbols.Contains(dimension) == true || image.Sequences(state).Symbols.Contains(dimension)));

    /// <summary>Forgets every position of every sequence.</summary>
    public void Clear()
    {
        foreach (StateTensor tensor in Tensors.Values)
        {
            tensor.Clear();
        }
        Pool?.Clear();
    }

    /// <summary>Forgets every position of a sequence, and gives its pages to the others.</summary>
    public void Release(int sequence)
    {
        foreach (StateTensor tensor in Tensors.Values)
        {
            tensor.Release(sequence);
        }
        Pool?.Release(sequence);
    }
}
