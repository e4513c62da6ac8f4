using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The sizes that a run chooses: sequences, tokens of each, and positions that the cache has for each.</summary>
internal static class ModelBounds
{
    private const long MostBatch = 1 << 16, MostContext = 1 << 24;

    public static (DimExpr Batch, DimExpr Length, DimExpr Context) Declare(
        Graph graph, GgufFile file, ModelParameters model, GgufOptions options, IReadOnlyDictionary<string, DimensionLimit> bindings, DiagnosticList diagnostics)
    {
        string[] names = model.Architecture.IsBidirectional ? [ModelInputs.BatchName, ModelInputs.LengthName] : [ModelInputs.BatchName, ModelInputs.LengthName, ModelInputs.ContextName];
        foreach (string name in bindings.Keys.Where(n => !names.Contains(n)))
        {
            diagnostics.Add(Diagnostic.Error(GgufCodes.Option, $"--bind: the model has no dimension '{name}'", file.Path, $"its dimensions are {string.Join(", ", names)}"));
        }
        long context = options.Context ?? long.Min(model.Context, GgufOptions.DefaultContext), batch = options.Batch ?? GgufOptions.DefaultBatch;
        CheckContext(context, file, model, options, diagnostics);
        Expect("--batch", batch, MostBatch, diagnostics);
        Expect("--context", context, MostContext, diagnostics);
        if (diagnostics.HasErrors)
        {
            return (DimExpr.One, DimExpr.One, DimExpr.One);
        }
        string from = options.Context is not null ? "given" : model.Context <= GgufOptions.DefaultContext ? "the model's" : FormattableString.Invariant($"default; the model's is {model.Context}");
        diagnostics.Add(Diagnostic.Note(GgufCodes.Bounds, FormattableString.Invariant($"at most {context} positions ({from}) of {batch} sequences ({(options.Batch is null ? "default" : "given")})"),
            null, "--context N and --batch N set other bounds"));

        DimExpr Dimension(string name, long upper)
        {
            bindings.TryGetValue(name, out DimensionLimit limit);
            if (limit.Exact is { } exact)
            {
                Expect($"--bind {name}", exact, upper, diagnostics);
                return exact;
            }
            graph.Dimensions[name] = new DimInterval(1, long.Clamp(limit.Upper ?? upper, 1, upper));
            return DimExpr.Symbol(name);
        }
        DimExpr sequences = Dimension(ModelInputs.BatchName, batch), length = Dimension(ModelInputs.LengthName, context);
        if (model.Architecture.IsBidirectional)
        {
            return (sequences, length, context);
        }
        DimExpr positions = Dimension(ModelInputs.ContextName, context);
        if (positions.SymbolName is { } symbol)
        {
            // Without a past, the tokens themselves are all that the cache has to hold.
            graph.DimensionDefaults[symbol] = length;
        }
        return (sequences, length, positions);
    }

    private static void CheckContext(long context, GgufFile file, ModelParameters model, GgufOptions options, DiagnosticList diagnostics)
    {
        const string Table = "position_embd.weight";
        long? rows = model.Architecture.HasPositionTable && file.Tensors.TryGetValue(Table, out GgufTensor? table) ? table.Shape[0] : null;
        if (context > rows)
        {
            diagnostics.Add(Diagnostic.Error(GgufCodes.Option, $"a context of {context} positions: the model knows {rows} ({Table})", file.Path, $"use --context {rows} or less"));
        }
        else if (options.Context > model.Context)
        {
            diagnostics.Add(Diagnostic.Warning(GgufCodes.Option, $"a context of {context} positions: the model was made for {model.Context}", file.Path));
        }
    }

    private static void Expect(string option, long value, long most, DiagnosticList diagnostics)
    {
        if (value < 1 || value > most)
        {
            diagnostics.Add(Diagnostic.Error(GgufCodes.Option, FormattableString.Invariant($"{option} {value}: 1 to {most} is possible")));
        }
    }
}
