using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// How a weight is cut into panels. It depends on the weight and the chip alone, not on the rows it is multiplied with:
/// every program for the model reads the same weight section.
/// </summary>
/// <param name="Format">What the panels hold.</param>
/// <param name="Columns">Columns of a panel and of its block of accumulators: whole arrays where the ring holds as much.</param>
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
        long unit = long.Max(MatMul.GroupSize, format.Block?.BlockLength ?? 1), slot = context.Ring[0].Bytes;
        int array = context.Chip.Matrix.N;
        long accumulators = context.Chip.Memory.AccBytes / 4 / TypicalRows / Lines.AccumulatorRowBytes * array;
        long columns = long.Clamp(accumulators, array, MaxColumns);
        long Unit(long width) => WeightPanel.Stride(format, width) * WeightPanel.ByteRows(format, unit);
        while (columns > array && Unit(columns) > slot)
        {
            columns -= array;
        }
        columns = long.Min(Lines.RoundUp(weights.Columns, array), columns);
        if (Unit(columns) > slot)
        {
            // Less than an array: long blocks on a small ring.
            columns = slot / WeightPanel.ByteRows(format, unit) / Lines.Bytes * Lines.Bytes;
        }
        if (columns == 0)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC3111", $"a slot of the weight ring ({slot} bytes) is too small for {Lines.Bytes} columns of blocks of {format}", help: "choose a chip with a larger weight scratchpad"), FailureKind.DoesNotFit);
        }
        return new PanelGeometry(format, columns, slot / Unit(columns) * unit);
    }
}
