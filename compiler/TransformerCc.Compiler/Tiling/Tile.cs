using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Rows of a value in a scratchpad buffer. A row stride of 0 means that one row stands for all.</summary>
/// <param name="Columns">Elements of a row.</param>
internal sealed record Tile(TileBuffer Buffer, long RowStride, ElementType Format, DimExpr Columns)
{
    /// <summary>The operand of columns from <paramref name="first"/> on; broadcast along columns when the tile has only one of several.</summary>
    public VectorTile Operand(DimExpr? first = null, bool repeatColumn = false) =>
        new(Buffer, (first ?? DimExpr.Zero) * Format.Size(), RowStride, Format, repeatColumn ? (byte)0 : (byte)1);
}
