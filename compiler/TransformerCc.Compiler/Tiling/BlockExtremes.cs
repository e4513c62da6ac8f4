using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Where each row of a linear has its largest or smallest element: the best of every block of columns goes into a table as
/// soon as the block is there, while the arrays compute the next, and the best of the table says whose place counts. Both
/// times the first of equals wins, and NaN before all, so that blocks change nothing.
/// </summary>
internal sealed class BlockExtremes
{
    private readonly RowRegionLowering _region;
    private readonly Node _node;
    private readonly RowForm _form;
    private readonly ReduceOp _function;
    private readonly long _blocks;
    private readonly Tile _values, _places, _numbers, _starts;

    public BlockExtremes(RowRegionLowering region, Node node, RowForm form, PanelGeometry geometry)
    {
        (_region, _node, _form, _function) = (region, node, form, ((Reduce)node.Op).Function);
        _blocks = (geometry.Weights.Columns + geometry.Columns - 1) / geometry.Columns;
        SetSource();
        (_values, _places) = (region.NewTile("best", _blocks, ElementType.F32), region.NewTile("place", _blocks, ElementType.I32));
        (_numbers, _starts) = (Progression("block", 1), Progression("start", geometry.Columns));
    }

    /// <summary>Part of the way out of the accumulators.</summary>
    /// <param name="number">Of the block.</param>
    public void Add(VectorTile block, DimExpr number, long columns) =>
        _region.Builder.TopK(_values.Operand(number), _places.Operand(number), block, _region.Rows, columns, 1, _function == ReduceOp.ArgMax);

    /// <summary>Behind the last block.</summary>
    public void Finish()
    {
        SetSource();
        (TileBuilder builder, DimExpr rows) = (_region.Builder, _region.Rows);
        Tile best = _region.NewTile("best", DimExpr.One, ElementType.I32), isBest = _region.NewTile("best", _blocks, ElementType.Bool);
        builder.Reduce(_function, best.Operand(), _values.Operand(), rows, _blocks);
        builder.Binary(BinaryOp.Equal, isBest.Operand(), _numbers.Operand(), best.Operand(repeatColumn: true), rows, _blocks);
        builder.Binary(BinaryOp.Add, _places.Operand(), _places.Operand(), _starts.Operand(), rows, _blocks);
        builder.Binary(BinaryOp.Mul, _places.Operand(), _places.Operand(), isBest.Operand(), rows, _blocks);
        builder.Reduce(ReduceOp.Sum, _region.Define(_node, _form).Operand(), _places.Operand(), rows, _blocks);
    }

    /// <summary>0, step, 2 · step, …: one row that stands for all.</summary>
    private Tile Progression(string hint, long step)
    {
        var row = new Tile(_region.Builder.Buffer(hint, MemorySpace.Asp, _blocks * sizeof(int)), 0, ElementType.I32, _blocks, DimExpr.Zero);
        _region.Builder.Iota(row.Operand(), DimExpr.One, _blocks, DimExpr.Zero, DimExpr.Zero, step);
        return row;
    }

    private void SetSource() => _region.Context.SetSource("reduce/blocks", _node);
}
