using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Costs;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A block of columns of a product: its panels in ascending K, and the accumulators that sum them up.</summary>
/// <param name="Part">The rows of the tile that the accumulators are for.</param>
/// <param name="Panels">Those of the first block of a loop over blocks; <paramref name="Shift"/> is the distance to those that are meant.</param>
internal sealed record BlockProduct(PanelGeometry Geometry, IReadOnlyList<WeightPanel> Panels, long Width, TileBuffer Accumulator, RowStrip Part, DimExpr Shift, DebugSource Source);

/// <summary>The tile operation and node that statements stand for.</summary>
internal readonly record struct DebugSource(string Operation, GraphIR.Node Node);

/// <summary>Rows of a tile times blocks of columns: loads of panels into the weight ring, and products on the arrays.</summary>
internal sealed class PanelProducts(TilingContext context, Tile x, int tileRows)
{
    /// <summary>The parts of a strip for a number of ranges of arrays.</summary>
    private readonly Dictionary<(RowStrip, int), RowStrip[]> _cuts = [];

    /// <summary>Column tiles of a block.</summary>
    public static long Tiles(long columns, TilingContext context) => (columns + context.Chip.Matrix.N - 1) / context.Chip.Matrix.N;

    /// <summary>
    /// Blocks that run side by side: together they have at most a column tile for each array. Their panels take turns, so that
    /// all arrays of the chip are fed from one weight stream.
    /// </summary>
    /// <param name="slots">Where panels are, for all strips that are multiplied with the same.</param>
    /// <param name="firstPanel">Of each block.</param>
    /// <param name="endPanel">One past the last panel.</param>
    public void Multiply(IReadOnlyList<BlockProduct> blocks, RowStrip strip, Dictionary<WeightPanel, TileBuffer> slots, int firstPanel, int endPanel)
    {
        IReadOnlyList<ArrayPart>[] parts = [.. blocks.Select(b => blocks.Count > 1 ? [new ArrayPart(0, Tiles(b.Width, context), 1)] : ArrayPart.Of(Tiles(b.Width, context), strip.MostRows, context.Chip.Matrix, MatrixCost.ClassOf(x.Format, b.Geometry.Format)))];
        for (int i = firstPanel; i < endPanel; i++)
        {
            int array = 0;
            for (int b = 0; b < blocks.Count; b++)
            {
                if (i < blocks[b].Panels.Count)
                {
                    context.SetSource(blocks[b].Source.Operation, blocks[b].Source.Node);
                    Multiply(blocks[b], blocks[b].Panels[i], parts[b], array, strip, slots);
                }
                array += (int)Tiles(blocks[b].Width, context);
            }
        }
    }

    private void Multiply(BlockProduct block, WeightPanel panel, IReadOnlyList<ArrayPart> parts, int firstArray, RowStrip strip, Dictionary<WeightPanel, TileBuffer> slots)
    {
        if (!slots.TryGetValue(panel, out TileBuffer? slot))
        {
            slots[panel] = slot = context.NextSlot();
            context.Builder.LoadWeights(slot, panel, block.Shift);
        }
        long array = context.Chip.Matrix.N, columnBytes = panel.Format.Block is null ? panel.Format.Element.Size() : 1;
        foreach (ArrayPart part in parts)
        {
            RowStrip[] cuts = Cuts(strip, part.Splits);
            long first = part.FirstTile * array, columns = long.Min(part.Tiles * array, block.Width - first);
            for (int s = 0; s < part.Splits; s++)
            {
                context.Builder.MostRows = strip.MostRows < tileRows ? cuts[s].MostRows : 0;
                context.Builder.MatMul(cuts[s].Of(x.Operand(panel.K0)), new ScratchOperand(slot, first * columnBytes), panel.Format, panel.RowStride, PanelLayout.KByN,
                    new ScratchOperand(block.Accumulator, cuts[s].In(block.Part).Of(first * sizeof(float), block.Geometry.AccumulatorStride)), block.Geometry.AccumulatorStride, cuts[s].Rows, panel.Rows, columns,
                    panel.K0 == 0 ? AccumulateMode.Init : AccumulateMode.Add, (int)long.Min(part.Tiles, context.Chip.Matrix.Arrays), firstArray + (s * (int)part.Tiles));
                context.Builder.MostRows = 0;
            }
        }
    }

    /// <summary>Even parts of a tile; parts of a strip stay where they are, however many rows it has, so that nothing waits for other rows.</summary>
    private RowStrip[] Cuts(RowStrip strip, int splits)
    {
        if (_cuts.TryGetValue((strip, splits), out RowStrip[]? cuts))
        {
            return cuts;
        }
        if (splits == 1)
        {
            cuts = [strip];
        }
        else if (strip.MostRows < tileRows)
        {
            cuts = strip.Cut(context.Builder, "cut", splits, (strip.MostRows + splits - 1) / splits);
        }
        else
        {
            DimExpr[] ends = [.. Enumerable.Range(0, splits + 1).Select(s => s == 0 ? DimExpr.Zero : s == splits ? strip.Rows : RowStrip.Name(context.Builder, "cut", splits, DimExpr.FloorDiv(strip.Rows * s, splits)))];
            cuts = [.. Enumerable.Range(0, splits).Select(s => new RowStrip(ends[s], ends[s + 1] - ends[s], strip.MostRows))];
        }
        return _cuts[(strip, splits)] = cuts;
    }
}
