using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>A file that holds one TensorProto, as the data sets of ONNX backend tests do.</summary>
public static class OnnxTensorFile
{
    /// <exception cref="DiagnosticException">The file cannot be read, is no TensorProto, or holds a tensor of a type that the graph does not have.</exception>
    public static Tensor Read(string path) => FileKinds.Explained(path, FileRole.OnnxTensor, () => ReadWhole(path));

    private static Tensor ReadWhole(string path)
    {
        ReadOnlyMemory<byte> bytes = MappedFile.Open(path, ImportCodes.BadFile);
        TensorProto proto;
        try
        {
            proto = TensorProto.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new DiagnosticException(Diagnostic.Error(ImportCodes.BadFile, $"not a valid tensor file: {e.Message}", path));
        }
        // Only the scanner of models writes these; a file that brings them points outside itself.
        (proto.MappedOffset, proto.MappedLength) = (0, 0);
        return new TensorReader(path, bytes).Read(proto, proto.Name);
    }
}
