using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Rows of a value in a scratchpad buffer. A row stride of 0 means that one row stands for all.</summary>
/// <param name="Columns">Elements of a row.</param>
/// <param name="Offset">Bytes to the first row: a tile may be a part of a value that is resident.</param>
internal sealed record Tile(TileBuffer Buffer, long RowStride, ElementType Format, DimExpr Columns, DimExpr Offset)
{
    /// <summary>The operand of columns from <paramref name="first"/> on; broadcast along columns when the tile has only one of several.</summary>
    public VectorTile Operand(DimExpr? first = null, bool repeatColumn = false) =>
        new(Buffer, Offset + ((first ?? DimExpr.Zero) * Format.Size()), RowStride, Format, repeatColumn ? (byte)0 : (byte)1);

    /// <summary>The side of a transfer that this tile is, from a column on.</summary>
    public StridedTile Box(DimExpr? first = null) =>
        new(Buffer, Offset + ((first ?? DimExpr.Zero) * Format.Size()), Format, new Extent3(DimExpr.Zero, RowStride, Format.Size()));
}
