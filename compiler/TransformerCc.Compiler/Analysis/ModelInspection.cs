using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Analysis;

/// <summary>Everything there is to say of a model without compiling it.</summary>
/// <param name="Imported">Operators of the graph before any pass, by name.</param>
/// <param name="Parameters">Elements of the weights, those in quantised blocks as what they stand for.</param>
/// <param name="Arithmetic">Null when it exceeds 64 bits.</param>
/// <param name="Unsupported">What stands in the way of compiling it; empty when nothing does.</param>
public sealed record ModelInspection(
    Graph Graph, IReadOnlyDictionary<string, int> Imported, long Parameters, GraphSummary Summary, ModelStructure Structure, ArithmeticCount? Arithmetic, IReadOnlyList<Diagnostic> Unsupported)
{
    /// <summary>A length nobody has given: long enough that products dominate, short enough for every model.</summary>
    private const long DefaultLength = 128;

    /// <summary>Runs the passes over an imported graph, which may end at obstacles, and looks at the result.</summary>
    /// <param name="diagnostics">What the import reported; gets what the passes report.</param>
    public static ModelInspection Of(Graph graph, DiagnosticList diagnostics)
    {
        var imported = new SortedDictionary<string, int>(graph.Nodes.CountBy(n => n.Op.Name).ToDictionary(), StringComparer.Ordinal);
        long parameters = ParameterCount.Of(graph);
        bool oversized = diagnostics.Exists(d => d.Code == ImportCodes.Limit);
        if (!oversized)
        {
            GraphPipeline.Run(graph, new PassContext { Diagnostics = diagnostics });
            diagnostics.AddRange(TiedTables.Notes(graph));
        }
        Diagnostic[] unsupported = [.. diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error), .. oversized ? [] : Tiler.Obstacles(graph)];
        return new(graph, imported, parameters, GraphSummary.Count(graph), ModelStructure.Of(graph), oversized ? null : ArithmeticCount.Of(graph), unsupported);
    }

    /// <summary>
    /// Sizes at which to count: the bound the user gave, else 1 for what leads an input (the batch), nothing for what may be
    /// empty (the past), and 128 for other lengths, within the model's bounds.
    /// </summary>
    public SortedDictionary<string, long> TypicalSizes(IReadOnlyDictionary<string, DimensionLimit> given)
    {
        var sizes = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, DimInterval interval) in Graph.Dimensions)
        {
            bool leads = Graph.Inputs.Exists(i => i.Type.Rank > 1 && i.Type.Shape[0].SymbolName == name);
            long wanted = given.TryGetValue(name, out DimensionLimit limit) && limit.Upper is { } upper ? upper : leads ? 1 : interval.Lower == 0 ? 0 : DefaultLength;
            sizes[name] = long.Clamp(wanted, interval.Lower, interval.Upper);
        }
        return sizes;
    }
}
