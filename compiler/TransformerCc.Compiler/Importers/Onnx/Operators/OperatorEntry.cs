using TransformerCc.Compiler.Importers.Onnx.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>All the importer knows about one operator of ONNX: adding an operator is adding one of these to its family's list.</summary>
/// <param name="Name">The op_type.</param>
/// <param name="Signatures">What nodes may have, for each version of the operator set that changed it, in ascending order.</param>
/// <param name="Translate">Makes the graph nodes and sets the results. Throws <see cref="ImportException"/> for what it cannot do.</param>
internal sealed record OperatorEntry(string Name, IReadOnlyList<OperatorSignature> Signatures, Action<NodeContext> Translate)
{
    /// <summary>An operator of one form.</summary>
    public OperatorEntry(string name, OperatorSignature signature, Action<NodeContext> translate)
        : this(name, [signature], translate)
    {
    }

    /// <summary>The operator set; "" is ONNX itself.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Last version of the operator set that has the operator.</summary>
    public long MaximumOpset { get; init; } = long.MaxValue;

    /// <summary>
    /// Computes a result (by output index) from what is known about the elements of the inputs, for operators that occur
    /// in shape arithmetic; null when nothing is known.
    /// </summary>
    public Func<NodeContext, int, Contents?>? Fold { get; init; }

    /// <summary>What nodes of a version may have; null when the operator is not supported in it.</summary>
    public OperatorSignature? Signature(long opset) => opset > MaximumOpset ? null : Signatures.LastOrDefault(s => s.Since <= opset);
}
