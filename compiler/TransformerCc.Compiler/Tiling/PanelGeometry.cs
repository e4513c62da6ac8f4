using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// How a weight is cut into panels. It depends on the weight and the chip alone, not on the rows it is multiplied with:
/// every program for the model reads the same weight section.
/// </summary>
/// <param name="Format">What the panels hold.</param>
/// <param name="Columns">Columns of a panel and of its block of accumulators: whole arrays.</param>
/// <param name="Depth">Rows of a panel along K: whole K-groups, which leave the order of additions as the whole product has it, and whole quantised blocks.</param>
internal readonly record struct PanelGeometry(WeightFormat Format, long Columns, long Depth)
{
    /// <summary>Columns where accumulators and ring are large.</summary>
    private const int MaxColumns = 512;

    /// <summary>Rows of a tile for which two blocks of accumulators take half of them.</summary>
    private const int TypicalRows = 64;

    public static PanelGeometry Of(TilingContext context, WeightMatrix weights)
    {
        WeightFormat format = weights.PanelFormat(context.Storage.MatrixFormat);
        long unit = long.Max(MatMul.GroupSize, format.Blocks?.BlockLength ?? 1), slot = context.Ring[0].Bytes;
        int array = context.Chip.Matrix.N;
        long accumulators = context.Chip.Memory.AccBytes / 4 / TypicalRows / Lines.AccumulatorRowBytes * array;
        long columns = long.Clamp(accumulators, array, MaxColumns);
        while (columns > array && WeightPanel.Stride(format, columns) * WeightPanel.Lines(format, unit) > slot)
        {
            columns -= array;
        }
        columns = long.Min(Lines.RoundUp(weights.Columns, array), columns);
        long units = slot / (WeightPanel.Stride(format, columns) * WeightPanel.Lines(format, unit));
        return new PanelGeometry(format, columns, long.Max(1, units) * unit);
    }
}
