using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Where the blocks of a cache lie: in slots of their sequence, which may turn, or in pages.</summary>
/// <param name="Slots">Slots of a sequence or of a page.</param>
/// <param name="Table">Page numbers for scalar loads; null without pages.</param>
/// <param name="Columns">Pages of a sequence in the table.</param>
/// <param name="Pages">The most pages there are.</param>
internal sealed record CachePlaces(DimExpr Slots, bool Circular, TileBuffer? Table, DimExpr Columns, long Pages)
{
    public static CachePlaces Of(TilingContext context, Value cache, bool circular, Value? table) => table is null
        ? new(cache.Type.Shape[2], circular, null, DimExpr.Zero, 0)
        : new(cache.Type.Shape[2], circular, context.Integers(table), table.Type.Shape[1], context.Bound(cache.Type.Shape[0]));

    /// <summary>Where a position lies that begins a block; one past the table is that of no row.</summary>
    public HeadPosition Of(TileBuilder builder, HeadPosition block)
    {
        if (Table is null)
        {
            return Circular ? block with { Position = DimExpr.Mod(block.Position, Slots) } : block;
        }
        DimExpr column = DimExpr.Min(DimExpr.FloorDiv(block.Position, Slots), Columns - 1);
        DimExpr page = builder.LoadScalar("page", new ScratchOperand(Table, ((block.Sequence * Columns) + column) * sizeof(long)), ElementType.I64, new DimInterval(0, Pages - 1));
        return block with { Sequence = page, Position = DimExpr.Mod(block.Position, Slots) };
    }
}
