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
/// The programs of a binary, over one weight section and with the same bits: the first for every size, another planned for
/// so little that its values stay on the chip. A model with caches has "prefill" and "decode", for few tokens in flight;
/// one without has "main" and, where that keeps more on the chip and takes no longer, "few", for few sequences.
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
        if (all.Tensors.Exists(t => t.State is not null))
        {
            return DecodeLimits(graph, all) is { } decode ? [new("prefill", all), Limited("decode", decode)] : [new("main", all)];
        }
        int debug = all.Debug.Count;
        if (FewSequences(limits => Tiler.ValuesInDram(graph, steps, chip, precision, limits, Tiler.ResidentShare)) is { } limits && Limited("few", limits) is var few)
        {
            if (TilingSearch.IsAsFast(graph, few.Tiles, all))
            {
                return [new("main", all), few];
            }
            all.Debug.RemoveRange(debug, all.Debug.Count - debug);
        }
        return [new("main", all)];

        NamedProgram Limited(string name, Dictionary<string, long> limits) => new(name, Tiler.Lower(graph, steps, chip, precision, limits, all));

        // The most sequences, a power of two, that keep as much on the chip as a single one.
        Dictionary<string, long>? FewSequences(Func<Dictionary<string, long>, int> valuesInDram)
        {
            if (graph.Inputs.Select(i => i.Type.Shape.Count > 0 ? i.Type.Shape[0].SymbolName : null).FirstOrDefault() is not { } batch || graph.Dimensions[batch] is not { Lower: <= 1, Upper: > 1 } interval)
            {
                return null;
            }
            Dictionary<string, long> Of(long sequences) => new(StringComparer.Ordinal) { [batch] = sequences };
            int least = valuesInDram(Of(1));
            if (least >= valuesInDram([]))
            {
                return null;
            }
            long most = 1;
            while (2 * most < interval.Upper && valuesInDram(Of(2 * most)) == least)
            {
                most *= 2;
            }
            return Of(most);
        }
    }

    /// <summary>Bounds of sequences and of new positions of each; null where nothing is continued, or few tokens are all there is.</summary>
    private static Dictionary<string, long>? DecodeLimits(Graph graph, TileProgram program)
    {
        if (program.Tensors.Find(t => t.State is not null) is not { State: { } state } || state.Length.SymbolName is not { } length)
        {
            return null;
        }
        DimExpr batch = graph.Inputs.First(i => i.Name == state.Past).Type.Shape[0];
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
