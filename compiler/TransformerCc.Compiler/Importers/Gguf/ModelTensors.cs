using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The tensors that a model of some metadata has: what the builder of its graph asks for.</summary>
public static class ModelTensors
{
    /// <param name="metadata">A file, perhaps without tensors.</param>
    /// <param name="optional">Ends of names whose tensors the model has although its architecture does not demand them.</param>
    /// <returns>Names and row-major shapes, in the order of the model.</returns>
    /// <exception cref="DiagnosticException">The metadata do not describe a model.</exception>
    public static IReadOnlyList<(string Name, long[] Shape)> Of(GgufFile metadata, Architecture architecture, long vocabulary, IReadOnlyCollection<string> optional)
    {
        var problems = new DiagnosticList();
        ModelParameters model = ModelParameters.Read(metadata, architecture, problems);
        if (problems.HasErrors)
        {
            throw new DiagnosticException(problems);
        }
        var table = new TensorTable(metadata, architecture, optional);
        table.Need("token_embd.weight", vocabulary, model.Width);
        var graph = new Graph(architecture.Name);
        var inputs = new ModelInputs(graph, DimExpr.One, DimExpr.One, DimExpr.One, hasPast: !architecture.IsBidirectional);
        var builder = new ModelGraph(graph, table, model, inputs, new GgufOptions());
        Value? end = builder.Build(null);
        if (!architecture.IsBidirectional)
        {
            builder.Logits(end, null, vocabulary, ofAll: true);
        }
        return [.. table.Missing.DistinctBy(t => t.Name)];
    }
}
