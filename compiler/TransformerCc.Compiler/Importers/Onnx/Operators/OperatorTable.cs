using System.Collections.Frozen;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Every supported operator, by domain and name.</summary>
internal static class OperatorTable
{
    private static readonly ILookup<(string, string), OperatorEntry> Entries = new[]
    {
        ElementwiseOperators.Entries,
        CastOperators.Entries,
        ActivationOperators.Entries,
        LogicOperators.Entries,
        ShapeOperators.Entries,
        MovementOperators.Entries,
        PadOperators.Entries,
        IndexingOperators.Entries,
        PositionOperators.Entries,
        ReductionOperators.Entries,
        ContractionOperators.Entries,
        ConvolutionOperators.Entries,
        EinsumOperator.Entries,
        QuantizationOperators.Entries,
        NormalizationOperators.Entries,
        ControlOperators.Entries,
        ContribOperators.Entries,
        ContribFusedOperators.Entries,
        ContribQuantizationOperators.Entries,
        ContribAttentionOperators.Entries,
        AttentionOperators.Entries,
        RotaryOperators.Entries,
        GroupQueryOperators.Entries,
        BlockQuantizedOperators.Entries,
        ExpertOperators.Entries,
    }.SelectMany(family => family).ToLookup(e => (e.Domain, e.Name));

    private static readonly FrozenSet<(string, AttributeKind)> s_attributes =
        All.SelectMany(e => e.Signatures).SelectMany(s => s.Attributes).Select(a => (a.Name, a.Kind)).ToFrozenSet();

    /// <summary>Every entry, in the order of the families.</summary>
    public static IEnumerable<OperatorEntry> All => Entries.SelectMany(e => e);

    /// <summary>Domain and name of every supported operator.</summary>
    public static IEnumerable<(string Domain, string Name)> Supported => Entries.Select(e => e.Key);

    /// <summary>Whether any operator declares an attribute of this name and type.</summary>
    public static bool Declares(string name, AttributeKind kind) => s_attributes.Contains((name, kind));

    /// <summary>The operator set of ONNX itself has two names.</summary>
    public static string Domain(string domain) => domain == "ai.onnx" ? "" : domain;

    /// <summary>The entry for a node's operator and version; refuses what is not supported.</summary>
    public static OperatorEntry Find(NodeContext node)
    {
        string domain = Domain(node.Proto.Domain), name = node.Proto.OpType;
        OperatorEntry[] versions = [.. Entries[(domain, name)]];
        if (versions.Length == 0)
        {
            string of = domain.Length > 0 ? $" of {domain}" : "";
            throw new ImportException(ImportCodes.UnsupportedOperator,
                RefusedOperators.Find(domain, name) is { } reason ? $"the operator{of} is not supported: {reason}" : $"the operator{of} is not known, and no function of the model has its name");
        }
        // ONNX Runtime knows its own operators whether or not the model names their set, and its own optimiser leaves it out.
        if (node.ImportedOpset is null && domain != ContribOperators.Microsoft)
        {
            throw new ImportException(ImportCodes.Structure, $"the model imports no operator set {(domain.Length > 0 ? domain : "of ONNX")}");
        }
        return Array.Find(versions, e => e.Signature(node.Opset) is not null) ?? throw OfAnotherVersion(versions, node);
    }

    private static ImportException OfAnotherVersion(OperatorEntry[] versions, NodeContext node)
    {
        long first = versions.Min(e => e.Signatures[0].Since), last = versions.Max(e => e.MaximumOpset);
        return new ImportException(ImportCodes.UnsupportedOperator, $"the model uses version {node.Opset} of the operator set, the operator is supported "
            + (node.Opset < first ? $"from version {first} on" : $"up to version {last}"), $"export the model again for operator set {(node.Opset < first ? first : last)}");
    }

    /// <summary>Sets the results of a node, by shape arithmetic where that is possible, otherwise in the graph.</summary>
    public static void Translate(NodeContext node, OperatorEntry entry)
    {
        var folded = new Contents?[node.OutputCount];
        for (int i = 0; i < folded.Length && entry.Fold is not null; i++)
        {
            folded[i] = Fold(entry.Fold, node, i);
        }
        if (folded.Length > 0 && Array.TrueForAll(folded, f => f is { IsComplete: true, Type: ElementType.I64 or ElementType.I32 or ElementType.Bool }))
        {
            for (int i = 0; i < folded.Length; i++)
            {
                node.Return(folded[i]!, i);
            }
            return;
        }
        entry.Translate(node);
        for (int i = 0; i < folded.Length; i++)
        {
            node.Attach(folded[i], i);
        }
    }

    /// <summary>Shape arithmetic that leaves the range of its type, or divides by zero, is left to the graph.</summary>
    private static Contents? Fold(Func<NodeContext, int, Contents?> fold, NodeContext node, int output)
    {
        try
        {
            return fold(node, output);
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            return null;
        }
    }
}
