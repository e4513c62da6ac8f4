using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The tensors of a model as the architecture asks for them. What is missing, of another shape, or never asked for is
/// collected, and reported as one diagnostic.
/// </summary>
/// <param name="optional">Ends of names (output.weight, attn_q.bias) whose tensors are asked for although the file lacks them: to list what a model may have.</param>
internal sealed class TensorTable(GgufFile file, Architecture architecture, IReadOnlyCollection<string>? optional = null)
{
    /// <param name="Text">What is wrong with it, to stand behind its name.</param>
    internal sealed record Problem(string Name, string Text);

    private const int MostListed = 24;

    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly List<Problem> _problems = [];
    private readonly List<(string Name, long[] Shape)> _missing = [];

    /// <summary>What was asked for and is not there.</summary>
    public IReadOnlyList<(string Name, long[] Shape)> Missing => _missing;

    public bool Has(string name) => file.Tensors.ContainsKey(name) || (optional is not null && optional.Any(o => name == o || name.EndsWith("." + o, StringComparison.Ordinal)));

    /// <summary>A tensor that the architecture needs. It may have leading or trailing dimensions of 1 besides its shape.</summary>
    public GgufTensor? Need(string name, params ReadOnlySpan<long> shape)
    {
        _asked.Add(name);
        if (!file.Tensors.TryGetValue(name, out GgufTensor? tensor))
        {
            _problems.Add(new(name, $"[{Text(shape)}] is missing"));
            _missing.Add((name, shape.ToArray()));
            return null;
        }
        if (!Drop(tensor.Shape).SequenceEqual(Drop(shape.ToArray())))
        {
            _problems.Add(new(name, $"is [{Text([.. tensor.Shape])}], needed is [{Text(shape)}]"));
            return null;
        }
        if (shape.Length == 1 && tensor.Type.Plain is null)
        {
            _problems.Add(new(name, $"is {tensor.Type.Name}: vectors are not quantised"));
            return null;
        }
        return tensor with { Shape = shape.ToArray() };
    }

    /// <summary>A tensor that may be there.</summary>
    public GgufTensor? Find(string name, params ReadOnlySpan<long> shape) => Has(name) ? Need(name, shape) : null;

    /// <summary>The first dimension of a matrix, e.g. the tokens of the embeddings; null when it is missing.</summary>
    public long? Rows(string name) => file.Tensors.TryGetValue(name, out GgufTensor? tensor) && tensor.Shape.Count == 2 ? tensor.Shape[0] : null;

    public void Refuse(string name, string problem) => _problems.Add(new(name, problem));

    /// <summary>A tensor that is known, and of no use here.</summary>
    public void Ignore(string name) => _asked.Add(name);

    /// <param name="withUnasked">Whether to name tensors that no one asked for; false where asking ended early.</param>
    public void Report(DiagnosticList diagnostics, bool withUnasked = true)
    {
        if (withUnasked)
        {
            _problems.AddRange(file.Tensors.Keys.Where(name => !_asked.Contains(name)).Select(name => new Problem(name, "is not expected")));
        }
        if (_problems.Count > 0)
        {
            string[] told = [.. LayerProblems.Gather(_problems, file, architecture)];
            string more = told.Length > MostListed ? $", and {told.Length - MostListed} more" : "";
            diagnostics.Add(Diagnostic.Error(GgufCodes.Tensors, $"the tensors are not those of the architecture {architecture.Name}: {string.Join("; ", told.Take(MostListed))}{more}",
                file.Path, $"known architectures: {string.Join(", ", Architectures.All.Select(a => a.Name))}"));
        }
    }

    private static IEnumerable<long> Drop(IEnumerable<long> shape) => shape.Where(d => d != 1);

    private static string Text(ReadOnlySpan<long> shape) => string.Join(", ", shape.ToArray());
}
