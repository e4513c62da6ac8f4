namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>The messages of an ONNX file whose fields are all accounted for; Other: what is below them.</summary>
internal enum WireMessage
{
    Other,
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
}

/// <summary>A field of a file that is not read and may change what the model computes.</summary>
/// <param name="Offset">The byte of the file at which the first one stands.</param>
public readonly record struct UnreadField(string Message, int Number, string Meaning, long Offset);

/// <summary>
/// What becomes of each field of a file, by the published field numbers (onnx.proto): those of our own onnx.proto are read,
/// some do not change what is computed, all others are told (<see cref="UnreadField"/>).
/// </summary>
internal static class WireFields
{
    /// <summary>Fields that are read.</summary>
    private static readonly Dictionary<WireMessage, int[]> s_read = new()
    {
        [WireMessage.Model] = [1, 2, 3, 7, 8, 14, 25],
        [WireMessage.Graph] = [1, 2, 5, 11, 12, 13],
        [WireMessage.Function] = [1, 4, 5, 6, 7, 9, 10, 11, 13],
        [WireMessage.Node] = [1, 2, 3, 4, 5, 7, 8],
        [WireMessage.Attribute] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21],
        [WireMessage.Tensor] = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14],
    };

    /// <summary>Fields that do not change what is computed: documentation, versions, hints, training, division over devices.</summary>
    private static readonly Dictionary<WireMessage, int[]> s_withoutEffect = new()
    {
        // domain, model_version, doc_string, training_info, configuration (devices)
        [WireMessage.Model] = [4, 5, 6, 20, 26],
        // doc_string, quantization_annotation (for tools that quantise), metadata_props
        [WireMessage.Graph] = [10, 14, 16],
        // since_version, status, doc_string, value_info, metadata_props
        [WireMessage.Function] = [2, 3, 8, 12, 14],
        // doc_string, metadata_props, device_configurations
        [WireMessage.Node] = [6, 9, 10],
        // doc_string; values of types that no operator here has (tensors, graphs, type_protos, sparse tensors): the type refuses them
        [WireMessage.Attribute] = [10, 11, 13, 14, 15, 22, 23],
        // doc_string, metadata_props
        [WireMessage.Tensor] = [12, 16],
    };

    /// <summary>The meaning of a field that is not read; null when it is read, or has no effect.</summary>
    public static string? Unread(WireMessage message, int field) => (message, field) switch
    {
        (WireMessage.Other, _) => null,
        _ when s_read[message].Contains(field) || s_withoutEffect[message].Contains(field) => null,
        (WireMessage.Graph, 15) => "sparse initializers; export dense ones",
        (WireMessage.Tensor, 3) => "a segment of a tensor; export whole tensors",
        _ => "what it means is not known",
    };
}
