using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers;

/// <param name="Tokenizer">What the file says of its tokenizer; null when it has none.</param>
public sealed record ImportedModel(Graph Graph, TokenizerData? Tokenizer = null);

/// <summary>A model of any format: its first bytes, or a name that ends in .gguf, tell which importer reads it.</summary>
public static class ModelImporter
{
    /// <exception cref="DiagnosticException">The model cannot be imported, or an option is not one of its format.</exception>
    public static ImportedModel Import(string path, CompileOptions options, DiagnosticList diagnostics)
    {
        ImportOptions onnx = options.Import;
        GgufOptions gguf = options.Gguf;
        if (GgufFile.IsGguf(path))
        {
            Refuse(path, "GGUF", onnx.Constants.Count > 0 ? "--const" : onnx.InputShapes.Count > 0 ? "--shape" : onnx.Outputs.Count > 0 ? "--outputs" : null,
                "--context, --batch, --all-logits, --pooling and --bind say how a GGUF model is compiled");
            ElementType cache = gguf.Cache ?? (options.Precision == Precision.F32 ? ElementType.F32 : ElementType.BF16);
            return GgufImporter.Import(path, gguf with { Cache = cache }, onnx.Bindings, diagnostics);
        }
        Refuse(path, "ONNX", gguf.Batch is not null ? "--batch" : gguf.AllLogits ? "--all-logits" : gguf.Pooling is not null ? "--pooling" : gguf.AcceptUnknownKeys.Count > 0 ? "--accept-unknown" : null,
            "--bind, --shape, --const and --outputs say how an ONNX model is compiled");
        return new ImportedModel(OnnxImporter.Import(path, onnx, diagnostics));
    }

    private static void Refuse(string path, string format, string? option, string help)
    {
        if (option is not null)
        {
            throw new DiagnosticException(Diagnostic.Error(GgufCodes.Option, $"{option} is not an option of {format} models", path, help));
        }
    }
}
