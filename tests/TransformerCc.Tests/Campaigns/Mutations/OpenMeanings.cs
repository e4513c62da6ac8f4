using System.Runtime.InteropServices;
using TransformerCc.Compiler.Importers.Onnx.Proto;

namespace TransformerCc.Tests.Campaigns.Mutations;

/// <summary>
/// Uses of operators whose result the standard leaves open, or where ONNX Runtime does otherwise than the text of the operator
/// says: what the two sides compute may differ there.
/// </summary>
internal static class OpenMeanings
{
    /// <summary>TensorProto's numbers of types.</summary>
    private const long U8 = 2, I8 = 3, U16 = 4, I16 = 5, U32 = 12, U64 = 13;

    private static readonly (string Operator, Func<NodeProto, bool> Is, string Reason)[] s_table =
    [
        ("Attention", n => Float(n, "softcap") != 0 && n.Input.Count > 3 && n.Input[3].Length > 0, "the function of the operator adds the mask before it caps scores, ONNX Runtime after"),
        ("Constant", HasNonFinite, "integers that are made of NaN or infinity are open"),
        ("Cast", n => n.Attribute.Any(a => a.Name == "to" && a.I is U8 or I8 or U16 or I16 or U32 or U64), "what a number becomes that the integer type does not hold is open"),
        ("com.microsoft::SkipLayerNormalization", n => Float(n, "epsilon") > 1e10f, "an epsilon beside which the rest of the variance is lost"),
        ("TopK", n => n.Attribute.Any(a => a.Name == "sorted" && a.I != 1), "the order of results that need not be sorted is open"),
    ];

    /// <summary>Why a node of a model may have another result; null when none may.</summary>
    public static string? Of(byte[] model)
    {
        GraphProto graph = ModelProto.Parser.ParseFrom(model).Graph;
        return s_table.FirstOrDefault(open => graph.Node.Any(n => OperatorVocabulary.NameOf(n) == open.Operator && open.Is(n))).Reason;
    }

    private static bool HasNonFinite(NodeProto node) => node.Attribute.Any(a => a.T is { DataType: 1 } t
        && (t.FloatData.Any(v => !float.IsFinite(v)) || MemoryMarshal.Cast<byte, float>(t.RawData.Span[..(t.RawData.Length / 4 * 4)]).ToArray().Any(v => !float.IsFinite(v))));

    private static float Float(NodeProto node, string name) => node.Attribute.LastOrDefault(a => a.Name == name)?.F ?? 0;
}
