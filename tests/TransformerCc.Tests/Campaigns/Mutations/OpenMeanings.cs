using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>
/// Uses of operators whose result the standard leaves open, or where ONNX Runtime does otherwise than the text of the operator
/// says: what the two sides compute may differ there.
/// </summary>
internal static class OpenMeanings
{
    private static readonly (string Operator, Func<NodeProto, bool> Is, string Reason)[] s_table =
    [
        ("Attention", n => Float(n, "softcap") != 0 && n.Input.Count > 3 && n.Input[3].Length > 0, "the function of the operator adds the mask before it caps scores, ONNX Runtime after"),
        ("TopK", n => n.Attribute.Any(a => a.Name == "sorted" && a.I != 1), "the order of results that need not be sorted is open"),
    ];

    /// <summary>Why a node of a model may have another result; null when none may.</summary>
    public static string? Of(byte[] model)
    {
        GraphProto graph = ModelProto.Parser.ParseFrom(model).Graph;
        return s_table.FirstOrDefault(open => graph.Node.Any(n => OperatorVocabulary.NameOf(n) == open.Operator && open.Is(n))).Reason;
    }

    private static float Float(NodeProto node, string name) => node.Attribute.LastOrDefault(a => a.Name == name)?.F ?? 0;
}
