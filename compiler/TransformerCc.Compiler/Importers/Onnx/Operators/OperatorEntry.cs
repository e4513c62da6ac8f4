using TransformerCc.Compiler.Importers.Onnx.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>All the importer knows about one operator of ONNX: adding an operator is adding one of these to its family's list.</summary>
/// <param name="Name">The op_type.</param>
/// <param name="Translate">Makes the graph nodes and sets the results. Throws <see cref="ImportException"/> for what it cannot do.</param>
internal sealed record OperatorEntry(string Name, Action<NodeContext> Translate)
{
    /// <summary>The operator set; "" is ONNX itself.</summary>
    public string Domain { get; init; } = "";

    /// <summary>First version of the operator set with these semantics.</summary>
    public long MinimumOpset { get; init; } = 1;

    /// <summary>Last version with these semantics.</summary>
    public long MaximumOpset { get; init; } = long.MaxValue;

    /// <summary>
    /// Computes a result (by output index) from what is known about the elements of the inputs, for operators that occur
    /// in shape arithmetic; null when nothing is known.
    /// </summary>
    public Func<NodeContext, int, Contents?>? Fold { get; init; }
}
