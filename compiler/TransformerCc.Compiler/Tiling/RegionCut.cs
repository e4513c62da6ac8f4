using System.Globalization;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// How a region is cut: its loops are tiles of rows outside, then blocks of columns, then parts of a tile's rows. With one part, rows
/// stand outside and columns inside: what operators pass to each other stays, weights come again for every tile. With more, the weights
/// of a block stay while the parts go through it, so the rows of a tile are not limited by the accumulators.
/// </summary>
/// <param name="Rows">Of a tile.</param>
/// <param name="PartRows">Rows that accumulators have room for.</param>
/// <param name="Turns">Blocks of accumulators: two take turns, one is read out while the other is filled; of a single one twice as many rows fit.</param>
/// <param name="BringsAhead">See <see cref="RowRegionLowering.CanBringAhead"/>.</param>
/// <param name="StoresBlocks">See <see cref="RowRegionLowering.CanStoreBlocks"/>.</param>
internal readonly record struct RegionCut(int Rows, int PartRows, int Turns = 2, bool BringsAhead = false, bool StoresBlocks = false)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Rows} rows{(PartRows < Rows ? $" in parts of {PartRows}" : "")}{(Turns == 1 ? " at once" : "")}{(BringsAhead ? " ahead" : "")}{(StoresBlocks ? ", results in blocks" : "")}");
}
