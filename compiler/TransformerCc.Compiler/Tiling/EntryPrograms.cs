using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A program and the name of its entry point.</summary>
public sealed record NamedProgram(string Name, TileProgram Tiles);

/// <summary>
/// The programs of a binary. A model with caches has two over one weight section: "prefill" for every size, and "decode",
/// planned for few tokens at a time. Both give the same bits.
/// </summary>
public static class EntryPrograms
{
    /// <summary>Tokens in flight that the decode program is planned for.</summary>
    public const int DecodeTokens = 32;

    /// <summary>Throws a <see cref="DiagnosticException"/> as the <see cref="Tiler"/> does.</summary>
    public static IReadOnlyList<NamedProgram> Lower(Graph graph, ChipDescription chip, Precision precision)
    {
        IReadOnlyList<LoweringStep> steps = LayerRuns.Find(graph);
        TileProgram all = Tiler.Lower(graph, steps, chip, precision);
        return DecodeLimits(graph, all) is { } limits
            ? [new("prefill", all), new("decode", Tiler.Lower(graph, steps, chip, precision, limits, all))]
            : [new("main", all)];
    }

    /// <summary>Bounds of sequences and of new positions of each; null where nothing is continued, or few tokens are all there is.</summary>
    private static Dictionary<string, long>? DecodeLimits(Graph graph, TileProgram program)
    {
        if (program.Tensors.Find(t => t.State is not null) is not { State: { } state } cache || state.Length.SymbolName is not { } length)
        {
            return null;
        }
        DimExpr batch = cache.Shape[StateDescription.BatchAxis];
        long sequences = long.Min(DecodeTokens, long.Max(1, batch.Bounds(graph.Dimensions).Upper)), positions = DecodeTokens / sequences;
        if (graph.Dimensions[length].Upper <= positions || graph.Dimensions[length].Lower > positions)
        {
            return null;
        }
        var limits = new Dictionary<string, long>(StringComparer.Ordinal) { [length] = positions };
        if (batch.SymbolName is { } symbol && graph.Dimensions[symbol].Upper > sequences && graph.Dimensions[symbol].Lower <= sequences)
        {
            limits[symbol] = sequences;
        }
        return limits;
    }
}
