using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Rows of a tile that follow each other.</summary>
/// <param name="First">Number of the first one in the tile.</param>
/// <param name="MostRows">Rows at most.</param>
internal sealed record RowStrip(DimExpr First, DimExpr Rows, int MostRows)
{
    /// <summary>Parts at constant places: with fewer rows than there could be, the last ones are empty.</summary>
    /// <param name="leastRows">Rows that a part has room for at least.</param>
    /// <param name="most">Parts at most.</param>
    public RowStrip[] Cut(TileBuilder builder, int leastRows, int most)
    {
        int count = int.Clamp(MostRows / leastRows, 1, most), rows = (int)Lines.RoundUp((MostRows + count - 1) / count, TilingContext.RowStep);
        return count == 1 ? [this] : [.. Enumerable.Range(0, count).Select(i => i * rows).Select(first =>
            new RowStrip(First + first, builder.Let("strip", DimExpr.Max(DimExpr.Zero, DimExpr.Min(rows, Rows - first))), rows))];
    }
}
