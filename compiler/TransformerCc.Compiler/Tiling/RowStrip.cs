using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Rows of a tile that follow each other.</summary>
/// <param name="First">Number of the first one in the tile.</param>
/// <param name="MostRows">Rows at most.</param>
internal sealed record RowStrip(DimExpr First, DimExpr Rows, int MostRows)
{
    /// <summary>A name has one of the sequencer's 63 registers from its definition to its last use.</summary>
    private const int MaxNamed = 16;

    /// <summary>Parts at constant places: with fewer rows than there could be, the last ones are empty.</summary>
    /// <param name="leastRows">Rows that a part has room for at least.</param>
    /// <param name="most">Parts at most.</param>
    public RowStrip[] Cut(TileBuilder builder, int leastRows, int most)
    {
        int count = int.Clamp(MostRows / leastRows, 1, most), rows = (int)Lines.RoundUp((MostRows + count - 1) / count, TilingContext.RowStep);
        return count == 1 ? [this] : Cut(builder, "strip", count, rows);
    }

    /// <summary>A number of parts with room for so many rows each.</summary>
    public RowStrip[] Cut(TileBuilder builder, string hint, int count, int rows) => [.. Enumerable.Range(0, count).Select(i => i * rows).Select(first =>
        new RowStrip(First + first, Name(builder, hint, count, DimExpr.Max(DimExpr.Zero, DimExpr.Min(rows, Rows - first))), rows))];

    /// <summary>A name for a length of one of so many parts; lengths of more parts than that have registers are computed where they are used.</summary>
    public static DimExpr Name(TileBuilder builder, string hint, int parts, DimExpr length) => parts <= MaxNamed ? builder.Let(hint, length) : length;

    /// <summary>The same rows, counted from the first row of a part of the tile that they are in.</summary>
    public RowStrip In(RowStrip part) => part.First.Is(0) ? this : this with { First = First - part.First };

    /// <summary>The tile from the strip's first row on.</summary>
    public Tile Of(Tile tile) => tile with { Offset = Of(tile.Offset, tile.RowStride) };

    /// <inheritdoc cref="Of(Tile)"/>
    public VectorTile Of(VectorTile tile) => tile with { Offset = Of(tile.Offset, tile.RowStride) };

    /// <summary>Where the strip's first row is.</summary>
    /// <param name="offset">Where the tile's first row is.</param>
    public DimExpr Of(DimExpr offset, DimExpr rowStride) => offset + (First * rowStride);
}
