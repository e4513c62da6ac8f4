using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// How a weight is cut into panels: blocks of columns, and along K as few panels of even depth as slots of the ring allow.
/// It depends on the weight and the chip alone, not on the rows it is multiplied with: every program for the model reads
/// the same weight section.
/// </summary>
/// <param name="Format">What the panels hold.</param>
/// <param name="Columns">Columns of a block, of its panels and of its accumulators: a tile for every array where ACC and the ring hold as much.</param>
/// <param name="SlotBytes">Bytes of a panel at most.</param>
/// <param name="Unit">Panels are cut along K at multiples of it: whole K-groups, which leave the order of additions as the whole product has it, and whole quantised blocks.</param>
/// <param name="ArrayDepth">Rows of an array: panels are whole tiles where they are that deep.</param>
internal sealed record PanelGeometry(WeightMatrix Weights, WeightFormat Format, long Columns, long SlotBytes, long Unit, long ArrayDepth)
{
    /// <summary>Rows of a tile for which two blocks of accumulators take half of them.</summary>
    private const int TypicalRows = 64;

    public const string TooSmallCode = "TCC3111";

    public static PanelGeometry Of(TilingContext context, WeightMatrix weights)
    {
        long slot = context.Ring[0].Bytes;
        return Find(context.Chip, context.Storage.MatrixFormat, slot, weights) ?? throw TooSmall(slot, $"{Lines.Bytes} columns of blocks of {weights.PanelFormat(context.Storage.MatrixFormat)}");
    }

    /// <summary>What a compilation ends with when a slot of the ring cannot hold the smallest panel.</summary>
    public static DiagnosticException TooSmall(long slot, string panel) =>
        new(Diagnostic.Error(TooSmallCode, $"a slot of the weight ring ({slot} bytes) is too small for {panel}", help: "choose a chip with a larger weight scratchpad"), FailureKind.DoesNotFit);

    /// <summary>The cut for slots of so many bytes; null where they are too small.</summary>
    public static PanelGeometry? Find(ChipDescription chip, ElementType matrixFormat, long slotBytes, WeightMatrix weights)
    {
        WeightFormat format = weights.PanelFormat(matrixFormat);
        long unit = Step(format);
        int array = chip.Matrix.N;
        long accumulators = chip.Memory.AccBytes / 4 / TypicalRows / Lines.AccumulatorRowBytes * array;
        long columns = long.Min(long.Max(accumulators, array), (long)chip.Matrix.Arrays * array);
        while (columns > array && Bytes(format, unit, columns) > slotBytes)
        {
            columns -= array;
        }
        columns = long.Min(Lines.RoundUp(weights.Columns, array), columns);
        // Less than an array: long blocks on a small ring.
        while (columns > 0 && Bytes(format, unit, columns) > slotBytes)
        {
            columns -= Lines.Bytes;
        }
        return columns == 0 ? null : new PanelGeometry(weights, format, columns, slotBytes, unit, chip.Matrix.K);
    }

    /// <summary>Bytes of the smallest panel that a weight can be cut into.</summary>
    public static long SmallestBytes(WeightMatrix weights, ElementType matrixFormat) => Bytes(weights.PanelFormat(matrixFormat), Step(weights.PanelFormat(matrixFormat)), Lines.Bytes);

    /// <summary>Bytes of a row of a block's accumulators.</summary>
    public long AccumulatorStride => Lines.RoundUp(Columns * sizeof(float), Lines.AccumulatorRowBytes);

    /// <summary>First column and width of each block.</summary>
    public IEnumerable<(long First, long Width)> Blocks()
    {
        for (long n0 = 0; n0 < Weights.Columns; n0 += Columns)
        {
            yield return (n0, long.Min(Columns, Weights.Columns - n0));
        }
    }

    public long PanelCount => Blocks().Sum(b => (Weights.Depth + Depth(b.Width) - 1) / Depth(b.Width));

    /// <summary>Bytes of all panels.</summary>
    public long TotalBytes => Blocks().Sum(b => Bytes(Format, Weights.Depth, b.Width));

    /// <summary>The panels of a block in ascending K, taken from the stream or appended to it.</summary>
    public List<WeightPanel> Panels(WeightStream stream, long firstColumn, long width)
    {
        long depth = Depth(width);
        var panels = new List<WeightPanel>();
        for (long k0 = 0; k0 < Weights.Depth; k0 += depth)
        {
            panels.Add(stream.Panel(Weights, k0, long.Min(depth, Weights.Depth - k0), firstColumn, width, Format));
        }
        return panels;
    }

    /// <summary>Rows along K of the panels of a block.</summary>
    private long Depth(long width)
    {
        long most = SlotBytes / Bytes(Format, Unit, width) * Unit, step = most >= ArrayDepth && ArrayDepth % Unit == 0 ? ArrayDepth : Unit;
        long steps = (Weights.Depth + step - 1) / step, stepsPerPanel = most / step, panels = long.Max(1, (steps + stepsPerPanel - 1) / stepsPerPanel);
        return long.Max(1, (steps + panels - 1) / panels) * step;
    }

    private static long Step(WeightFormat format) => long.Max(MatMul.GroupSize, format.Block?.BlockLength ?? 1);

    private static long Bytes(WeightFormat format, long depth, long columns) => WeightPanel.Stride(format, columns) * WeightPanel.ByteRows(format, depth);
}
