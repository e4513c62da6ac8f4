using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A result of a linear that goes to DRAM block by block of its columns, and comes from there where it is added to what was
/// before: two blocks take turns, one is stored while the next is computed, and no tile holds whole rows.
/// </summary>
internal sealed class BlockResult
{
    private const int Turns = 2;

    private readonly RowRegionLowering _region;
    private readonly Node _node;
    private readonly RowForm _form;
    private readonly int? _residual;
    private readonly Tile[] _turns;

    /// <param name="node">Its only output is the result.</param>
    /// <param name="residual">The operand to which the linear is added; null for none.</param>
    /// <param name="columns">Of a block.</param>
    public BlockResult(RowRegionLowering region, Node node, RowForm form, int? residual, long columns)
    {
        (_region, _node, _form, _residual) = (region, node, form, residual);
        ElementType format = region.Context.Storage.Format(node.Output);
        long stride = Lines.RoundUp(columns * format.Size());
        _turns = [.. Enumerable.Range(0, Turns).Select(_ => new Tile(region.Builder.Buffer(node.Output.Name, MemorySpace.Asp, stride * region.Parts[0].MostRows), stride, format, columns, DimExpr.Zero))];
    }

    /// <summary>Whether rows of a block hold what is added to them.</summary>
    public bool Residual => _residual is not null;

    /// <summary>Brings what rows of a block are added to.</summary>
    /// <param name="part">The rows.</param>
    /// <param name="column">First column of the block.</param>
    public void Begin(int turn, RowStrip part, DimExpr column, long columns)
    {
        if (_residual is { } residual)
        {
            _region.Context.SetSource("linear/residual", _node);
            _region.RowsOf(_node.Inputs[residual], _form, part, column).Read(_region.Builder, _turns[turn % Turns].Box(), new Extent3(DimExpr.One, part.Rows, columns));
        }
    }

    /// <summary>Where rows of a block go.</summary>
    /// <param name="inPart">Counted from the first row of their part.</param>
    public VectorTile Of(int turn, RowStrip inPart) => inPart.Of(_turns[turn % Turns].Operand());

    /// <summary>Stores rows of a block.</summary>
    /// <param name="rows">Counted from the first row of the tile.</param>
    /// <param name="inPart">The same, counted from the first row of their part.</param>
    /// <param name="column">First column of the block.</param>
    public void Store(int turn, RowStrip rows, RowStrip inPart, DimExpr column, long columns)
    {
        _region.Context.SetSource($"{_node.Op.Name}/store", _node);
        _region.RowsOf(_node.Output, _form, rows, column).Write(_region.Builder, inPart.Of(_turns[turn % Turns]).Box(), new Extent3(DimExpr.One, rows.Rows, columns));
    }
}
