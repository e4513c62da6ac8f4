using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>A parsed ONNX file. The data of large tensors stays in <see cref="Bytes"/>, the mapped file; <see cref="Model"/> holds the rest.</summary>
public sealed class OnnxModelFile
{
    private const int MaximumNodes = 1_000_000;
    private const int MaximumName = 16_384;

    private OnnxModelFile(string path, ReadOnlyMemory<byte> bytes, ModelProto model, IReadOnlyList<UnreadField> unread)
    {
        Unread = unread;
        Path = path;
        Bytes = bytes;
        Model = model;
    }

    public string Path { get; }

    public ReadOnlyMemory<byte> Bytes { get; }

    public ModelProto Model { get; }

    /// <summary>Parts of the file that are not read and may change what the model computes.</summary>
    public IReadOnlyList<UnreadField> Unread { get; }

    /// <exception cref="DiagnosticException">The file cannot be read or is no ONNX model.</exception>
    public static OnnxModelFile Open(string path)
    {
        FileMap file = FileMap.Open(path, ImportCodes.BadFile);
        return file.Length > int.MaxValue
            ? throw new DiagnosticException(Diagnostic.Error(ImportCodes.BadFile,
                $"the file has {file.Length} bytes; an ONNX model is one protobuf message, and none can be larger than 2 GiB", path,
                "save the weights as external data, which may be of any size: onnx.save_model(model, path, save_as_external_data=True)"))
            : FileKinds.Explained(path, FileRole.Onnx, () => Parse(file.Memory(0, (int)file.Length), path));
    }

    /// <summary>Parses a model held in memory; <paramref name="path"/> names it in diagnostics and leads to external data.</summary>
    public static OnnxModelFile Parse(ReadOnlyMemory<byte> bytes, string path)
    {
        ModelProto model;
        var unread = new List<UnreadField>();
        try
        {
            model = ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(WireScanner.Skeleton(bytes.Span, path, unread).Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw Bad(path, ImportCodes.BadFile, $"not a valid ONNX file: {e.Message}");
        }
        if (model.Graph is null)
        {
            throw Bad(path, ImportCodes.BadFile, "not a valid ONNX file: it has no graph");
        }
        if (model.Graph.Node.Count > MaximumNodes)
        {
            throw Bad(path, ImportCodes.Limit, $"{model.Graph.Node.Count} nodes: at most {MaximumNodes} are read");
        }
        if (Names(model.Graph).FirstOrDefault(n => n.Length > MaximumName) is { } name)
        {
            throw Bad(path, ImportCodes.Limit, $"a name of {name.Length} characters: at most {MaximumName} are read");
        }
        return new OnnxModelFile(path, bytes, model, unread);
    }

    private static IEnumerable<string> Names(GraphProto graph) =>
        graph.Node.SelectMany(n => n.Input.Concat(n.Output).Append(n.Name).Append(n.OpType).Append(n.Domain))
            .Concat(graph.Initializer.Select(t => t.Name)).Concat(graph.Input.Select(v => v.Name)).Concat(graph.Output.Select(v => v.Name));

    private static DiagnosticException Bad(string path, string code, string reason) =>
        new(Diagnostic.Error(code, reason, path, "the file is damaged or of another format; export or download it again"));
}
