using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>GGUF to graph IR: the file's architecture is looked up, its sizes are read, and one builder makes the graph.</summary>
public static class GgufImporter
{
    /// <exception cref="DiagnosticException">The model cannot be imported; holds every error found. <paramref name="diagnostics"/> also gets notes and warnings.</exception>
    public static ImportedModel Import(string path, GgufOptions options, IReadOnlyDictionary<string, DimensionLimit> bindings, DiagnosticList diagnostics) =>
        Import(GgufFile.Open(path), options, bindings, diagnostics);

    public static ImportedModel Import(GgufFile file, GgufOptions options, IReadOnlyDictionary<string, DimensionLimit> bindings, DiagnosticList diagnostics)
    {
        var problems = new DiagnosticList();
        GgufKind.RefuseOthers(file);
        Architecture architecture = FindArchitecture(file);
        KeyAccount.Check(file, architecture, options.AcceptUnknownKeys, problems);
        ModelParameters model = ModelParameters.Read(file, architecture, problems);
        ThrowOnErrors(problems);

        var tensors = new TensorTable(file, architecture);
        const string Embeddings = "token_embd.weight";
        GgufTensor? embeddings = tensors.Need(Embeddings, tensors.Rows(Embeddings) ?? 0, model.Width);
        if (embeddings is null)
        {
            // What else does not fit follows from it: it is told alone.
            tensors.Report(problems, withUnasked: false);
        }
        TokenizerData? tokenizer = embeddings is null ? null : TokenizerMetadata.Read(file, embeddings.Shape[0], problems);
        ThrowOnErrors(problems);
        if (tokenizer is null && !architecture.IsBidirectional)
        {
            problems.Add(Diagnostic.Note(GgufCodes.Feature, "the file has no tokenizer: the program takes token ids, not text", file.Path));
        }

        var graph = new Graph(file.Metadata.GetValueOrDefault(FileKeys.ModelName.Name)?.Text ?? Path.GetFileNameWithoutExtension(file.Path));
        (DimExpr batch, DimExpr length, DimExpr context) = ModelBounds.Declare(graph, file, model, options, bindings, problems);
        ThrowOnErrors(problems);
        try
        {
            var inputs = new ModelInputs(graph, batch, length, context, hasPast: !architecture.IsBidirectional);
            var builder = new ModelGraph(graph, tensors, model, inputs, options);
            Value? x = builder.Build(embeddings!);
            Pooling? pooling = options.Pooling ?? (architecture.IsBidirectional || model.Pooling != Pooling.None ? model.Pooling : null);
            Value? result = pooling is null ? builder.Logits(x, embeddings!, embeddings!.Shape[0], options.AllLogits) : x is null ? null : builder.Pool(x, pooling.Value);
            if (pooling is not null)
            {
                // Embedding models that were made from language models may still have their head.
                tensors.Ignore("output.weight");
            }
            tensors.Report(problems);
            ThrowOnErrors(problems);
            graph.Outputs.Add(new GraphOutput(pooling is null ? "logits" : "embedding", result!));
            if (pooling is null && !options.AllLogits)
            {
                graph.Outputs.Add(new GraphOutput("next_token", builder.Greedy(result!)));
            }
        }
        catch (ShapeException e)
        {
            throw new DiagnosticException(Diagnostic.Error(GgufCodes.Metadata, $"the sizes of the model do not fit together: {e.Message}", file.Path));
        }
        diagnostics.AddRange(problems);
        return new ImportedModel(graph, tokenizer);
    }

    private static Architecture FindArchitecture(GgufFile file)
    {
        string known = $"known architectures: {string.Join(", ", Architectures.All.Select(a => a.Name))}";
        string? name = file.Metadata.GetValueOrDefault(FileKeys.Architecture.Name)?.Text;
        return name is null ? throw new DiagnosticException(Diagnostic.Error(GgufCodes.Architecture, "general.architecture is missing", file.Path, known))
            : Architectures.Find(name) ?? throw new DiagnosticException(Diagnostic.Error(GgufCodes.Architecture, $"the architecture '{name}' is not known; {Summary(file)}", file.Path, known));
    }

    /// <summary>The tensors of an unknown model, numbers of layers left out: what its description would have to name.</summary>
    private static string Summary(GgufFile file)
    {
        const int Most = 40;
        string[] names = [.. file.Tensors.Keys.Select(n => string.Join('.', n.Split('.').Select(part => part.All(char.IsAsciiDigit) ? "*" : part))).Distinct().Order(StringComparer.Ordinal)];
        return $"its tensors are {string.Join(", ", names.Take(Most))}{(names.Length > Most ? ", …" : "")}";
    }

    private static void ThrowOnErrors(DiagnosticList problems)
    {
        if (problems.HasErrors)
        {
            throw new DiagnosticException([.. problems.Where(d => d.Severity == DiagnosticSeverity.Error)]);
        }
    }
}
