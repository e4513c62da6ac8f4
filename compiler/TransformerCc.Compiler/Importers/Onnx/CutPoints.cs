namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The nearest tensor before each obstacle at which the graph could end. Only tensors of the model's own graph can be named
/// with --outputs, so an obstacle inside a function or a branch is answered for the node around it.
/// </summary>
internal sealed class CutPoints
{
    private readonly Dictionary<string, string> _before = new(StringComparer.Ordinal);
    private string? _cut;
    private bool _readsInput;

    /// <summary>What to do about an obstacle in the node that is being translated.</summary>
    public string? Help => _cut is not null ? $"end the graph at tensor {_cut} with --outputs {_cut}"
        : _readsInput ? "nothing of the model comes before it: run this part on the host, and export the rest as a model of its own" : null;

    /// <summary>Forgets the node before: nothing is known of the next one yet.</summary>
    public void Reset() => (_cut, _readsInput) = (null, false);

    /// <summary>Begins a node of the model's own graph, once its inputs are found.</summary>
    public void Begin(NodeContext node)
    {
        for (int i = 0; i < node.InputCount && _cut is null; i++)
        {
            string name = node.Proto.Input[i];
            _readsInput |= node.Optional(i)?.Value is { Producer: null, IsConstant: false };
            _cut = node.Optional(i) is { } input ? (input.Value is { Producer: not null } ? name : null) : _before.GetValueOrDefault(name);
        }
    }

    /// <summary>The node has results that could not be imported: what reads them ends where this node would.</summary>
    public void Fail(NodeContext node)
    {
        foreach (string output in node.Proto.Output.Where(_ => _cut is not null))
        {
            _before[output] = _cut!;
        }
    }
}
