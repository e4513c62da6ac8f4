using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A block of columns of a product: its panels in ascending K, and the accumulators that sum them up.</summary>
/// <param name="Panels">Those of the first block of a loop over blocks; <paramref name="Shift"/> is the distance to those that are meant.</param>
internal sealed record BlockProduct(PanelGeometry Geometry, IReadOnlyList<WeightPanel> Panels, long Width, TileBuffer Accumulator, DimExpr Shift, DebugSource Source);

/// <summary>The tile operation and node that statements stand for.</summary>
internal readonly record struct DebugSource(string Operation, GraphIR.Node Node);

/// <summary>Rows of a tile times blocks of columns: loads of panels into the weight ring, and products on the arrays.</summary>
internal sealed class PanelProducts(TilingContext context, Tile x, DimExpr rows, long tileRows)
{
    /// <summary>Where the rows are cut for a number of ranges of arrays.</summary>
    private readonly Dictionary<int, DimExpr[]> _cuts = [];

    /// <summary>Column tiles of a block.</summary>
    public static long Tiles(long columns, TilingContext context) => (columns + context.Chip.Matrix.N - 1) / context.Chip.Matrix.N;

    /// <summary>
    /// Blocks that run side by side: together they have at most a column tile for each array. Their panels take turns, so that
    /// all arrays of the chip are fed from one weight stream.
    /// </summary>
    public void Multiply(IReadOnlyList<BlockProduct> blocks)
    {
        IReadOnlyList<ArrayPart>[] parts = [.. blocks.Select(b => blocks.Count > 1 ? [new ArrayPart(0, Tiles(b.Width, context), 1)] : ArrayPart.Of(Tiles(b.Width, context), tileRows, context.Chip.Matrix, MatrixCost.ClassOf(x.Format, b.Geometry.Format)))];
        for (int i = 0; i < blocks.Max(b => b.Panels.Count); i++)
        {
            int array = 0;
            for (int b = 0; b < blocks.Count; b++)
            {
                if (i < blocks[b].Panels.Count)
                {
                    context.SetSource(blocks[b].Source.Operation, blocks[b].Source.Node);
                    Multiply(blocks[b], blocks[b].Panels[i], parts[b], array);
                }
                array += (int)Tiles(blocks[b].Width, context);
            }
        }
    }

    private void Multiply(BlockProduct block, WeightPanel panel, IReadOnlyList<ArrayPart> parts, int firstArray)
    {
        TileBuffer slot = context.NextSlot();
        context.Builder.LoadWeights(slot, panel, block.Shift);
        long array = context.Chip.Matrix.N, columnBytes = panel.Format.Block is null ? panel.Format.Element.Size() : 1;
        foreach (ArrayPart part in parts)
        {
            DimExpr[] cuts = Cuts(part.Splits);
            long first = part.FirstTile * array, columns = long.Min(part.Tiles * array, block.Width - first);
            for (int s = 0; s < part.Splits; s++)
            {
                VectorTile a = x.Operand(panel.K0);
                context.Builder.MatMul(a with { Offset = a.Offset + (cuts[s] * x.RowStride) }, new ScratchOperand(slot, first * columnBytes), panel.Format, panel.RowStride, PanelLayout.KByN,
                    new ScratchOperand(block.Accumulator, (first * sizeof(float)) + (cuts[s] * block.Geometry.AccumulatorStride)), block.Geometry.AccumulatorStride, cuts[s + 1] - cuts[s], panel.Rows, columns,
                    panel.K0 == 0 ? AccumulateMode.Init : AccumulateMode.Add, (int)long.Min(part.Tiles, context.Chip.Matrix.Arrays), firstArray + (s * (int)part.Tiles));
            }
        }
    }

    /// <summary>The first row of each range, and the end.</summary>
    private DimExpr[] Cuts(int splits)
    {
        if (!_cuts.TryGetValue(splits, out DimExpr[]? cuts))
        {
            _cuts[splits] = cuts = [.. Enumerable.Range(0, splits + 1).Select(s => s == 0 ? DimExpr.Zero : s == splits ? rows : context.Builder.Let("cut", DimExpr.FloorDiv(rows * s, splits)))];
        }
        return cuts;
    }
}
