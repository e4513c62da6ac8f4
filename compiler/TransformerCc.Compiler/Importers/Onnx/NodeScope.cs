using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The names visible to the nodes of one graph: those of the graph, then those of the graphs around it (a function sees
/// only its own). A name bound to null stands for a tensor that could not be imported; its users are passed over.
/// </summary>
internal sealed class NodeScope(NodeScope? outer, IReadOnlyDictionary<string, long> opsets, string prefix, int depth = 0)
{
    private readonly Dictionary<string, Imported?> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorProto> _initializers = new(StringComparer.Ordinal);

    /// <summary>The version of each operator set, by domain; "" is ONNX itself.</summary>
    public IReadOnlyDictionary<string, long> Opsets => opsets;

    /// <summary>Stands before the names of nodes of inlined graphs and functions.</summary>
    public string Prefix => prefix;

    /// <summary>0 for the model's own graph, one more for each graph or function around.</summary>
    public int Depth => depth;

    public void Set(string name, Imported? value) => _values[name] = value;

    /// <summary>Adds a constant of the graph; gives the one that has its name already.</summary>
    public TensorProto? AddInitializer(TensorProto tensor)
    {
        TensorProto? earlier = _initializers.GetValueOrDefault(tensor.Name);
        _initializers[tensor.Name] = tensor;
        return earlier;
    }

    public bool IsInitializer(string name) => _initializers.ContainsKey(name);

    public bool Defines(string name) => _values.ContainsKey(name) || _initializers.ContainsKey(name);

    /// <summary>Looks a name up, reading an initializer on first use; false when nothing has that name.</summary>
    public bool TryGet(string name, Func<TensorProto, Imported?> read, out Imported? value)
    {
        if (_values.TryGetValue(name, out value))
        {
            return true;
        }
        if (_initializers.TryGetValue(name, out TensorProto? tensor))
        {
            value = _values[name] = read(tensor);
            return true;
        }
        return outer is not null && outer.TryGet(name, read, out value);
    }
}
