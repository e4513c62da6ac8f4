using System.Collections.Immutable;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// A tensor of the model as the importer knows it: its type, its value in the graph, or its known contents, or both.
/// A result of shape arithmetic has contents only and becomes a value of the graph when something uses it as data.
/// </summary>
internal sealed class Imported(string name, TensorType type)
{
    private Contents? _contents;
    private bool _looked;

    public string Name { get; } = name;

    public TensorType Type { get; } = type;

    /// <summary>The value in the graph; null until contents are used as data.</summary>
    public Value? Value { get; set; }

    /// <summary>What is known about the elements. Read from the data of a constant on first use.</summary>
    public Contents? Contents
    {
        get
        {
            if (!_looked)
            {
                _looked = true;
                _contents ??= Value?.ConstantData is { } data ? Contents.Of(data) : null;
            }
            return _contents;
        }
        init => _contents = value;
    }

    /// <summary>The dimensions of the model that the elements may depend on, as far as they were computed from sizes.</summary>
    public ImmutableSortedSet<string> Dimensions { get; init; } = [];

    /// <summary>The inputs of the model whose data this depends on; empty for constants and for what dimensions alone decide.</summary>
    public ImmutableSortedSet<string> DataSources { get; init; } = [];
}
