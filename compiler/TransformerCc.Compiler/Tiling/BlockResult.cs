using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A result of a linear that goes to DRAM block by block of its columns: two blocks take turns, one is stored while the next is
/// computed, and no tile holds whole rows.
/// </summary>
internal sealed class BlockResult
{
    private readonly RowRegionLowering _region;
    private readonly Node _node;
    private readonly RowForm _form;
    private readonly Tile[] _turns;

    /// <param name="node">Its only output is the result.</param>
    /// <param name="columns">Of a block.</param>
    public BlockResult(RowRegionLowering region, Node node, RowForm form, long columns, int turns)
    {
        (_region, _node, _form) = (region, node, form);
        ElementType format = region.Context.Storage.Format(node.Output);
        long stride = Lines.RoundUp(columns * format.Size());
        _turns = [.. Enumerable.Range(0, turns).Select(_ => new Tile(region.Builder.Buffer(node.Output.Name, MemorySpace.Asp, stride * region.Parts[0].MostRows), stride, format, columns, DimExpr.Zero))];
    }

    /// <summary>Where rows of a block go.</summary>
    /// <param name="inPart">Counted from the first row of their part.</param>
    public VectorTile Of(int turn, RowStrip inPart) => inPart.Of(_turns[turn % _turns.Length].Operand());

    /// <summary>Stores rows of a block.</summary>
    /// <param name="rows">Counted from the first row of the tile.</param>
    /// <param name="inPart">The same, counted from the first row of their part.</param>
    /// <param name="column">First column of the block.</param>
    public void Store(int turn, RowStrip rows, RowStrip inPart, DimExpr column, long columns) =>
        _region.StoreRows(_node, _form, _node.Output, inPart.Of(_turns[turn % _turns.Length]).Box(), rows, column, columns);
}
