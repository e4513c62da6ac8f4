using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// The part of a convolution's input under a tile of output positions, in ASP: where it stays there, or loaded in runs of
/// columns. Copies take the patches from it: taps are elements far apart in DRAM, where each would cost a burst.
/// </summary>
/// <param name="Origin">Bytes to the first element that any patch covers; padding may lie before the input.</param>
/// <param name="Channel">Bytes from one channel to the next.</param>
internal sealed record ConvWindow(TileBuffer Buffer, ElementType Format, DimExpr Origin, DimExpr Channel, DimExpr Line, DimExpr Column)
{
    /// <param name="lines">Output lines of the tile and of any tile; 1 where the convolution has one axis.</param>
    /// <param name="positions">Output positions of each line, and of any tile.</param>
    public static ConvWindow Of(TilingContext context, ConvShape shape, DimExpr batch, (DimExpr First, DimExpr Count, long Most) lines, (DimExpr First, DimExpr Count, long Most) positions)
    {
        ValuePlace place = shape.Source;
        DimExpr[] from = ByteStrides.Of(shape.Input, place.Format.Size());
        (DimExpr firstLine, DimExpr firstColumn) = (shape.Lines.InputOf(lines.First), shape.Columns.InputOf(positions.First));
        DimExpr line = shape.IsPlanar ? from[2] : DimExpr.Zero;
        if (place.Buffer is { } resident)
        {
            return new ConvWindow(resident, place.Format, (batch * from[0]) + (firstLine * line) + (firstColumn * from[^1]), from[1], line, from[^1]);
        }
        int size = place.Format.Size();
        long lineStride = shape.Columns.Span(positions.Most) * size, channelStride = shape.Lines.Span(lines.Most) * lineStride;
        TileBuffer window = context.Builder.Buffer("window", MemorySpace.Asp, channelStride * shape.Channels);
        // What lies in the padding is left out: no patch takes it.
        (DimExpr l0, DimExpr ls) = shape.Lines.Inside(firstLine, shape.Lines.Span(lines.Count), shape.InputLines);
        (DimExpr c0, DimExpr cs) = shape.Columns.Inside(firstColumn, shape.Columns.Span(positions.Count), shape.Input.Last);
        place.From((batch * from[0]) + (l0 * line) + (c0 * from[^1]), new Extent3(from[1], line, from[^1]))
            .Read(context.Builder, new StridedTile(window, ((l0 - firstLine) * lineStride) + ((c0 - firstColumn) * size), place.Format, new Extent3(channelStride, lineStride, size)), new Extent3(shape.Channels, ls, cs));
        return new ConvWindow(window, place.Format, DimExpr.Zero, channelStride, lineStride, size);
    }

    /// <summary>The place of an element, by its distances from the first.</summary>
    public DimExpr At(DimExpr line, DimExpr column) => Origin + (line * Line) + (column * Column);
}

/// <summary>One axis of a convolution: a position reads inputs <c>position · Stride − Pad + tap · Dilation</c>.</summary>
internal sealed record ConvAxis(long Kernel, long Stride, long Dilation, long Pad, bool IsPadded)
{
    /// <summary>The input under the first tap of a position.</summary>
    public DimExpr InputOf(DimExpr position) => (position * Stride) - Pad;

    /// <summary>Inputs from the first to the last that so many positions read.</summary>
    public DimExpr Span(DimExpr positions) => ((positions - 1) * Stride) + (((Kernel - 1) * Dilation) + 1);

    public long Span(long positions) => ((positions - 1) * Stride) + ((Kernel - 1) * Dilation) + 1;

    /// <summary>Start and length of the part of a run that lies in an input.</summary>
    public (DimExpr First, DimExpr Count) Inside(DimExpr first, DimExpr count, DimExpr input)
    {
        if (!IsPadded)
        {
            return (first, count);
        }
        DimExpr start = DimExpr.Max(DimExpr.Zero, first);
        return (start, DimExpr.Max(DimExpr.Zero, DimExpr.Min(input, first + count) - start));
    }

    /// <summary>Positions of a run whose tap lies inside an input: 0 ≤ position · stride + shift &lt; input.</summary>
    public (DimExpr First, DimExpr Count) Valid(long tap, DimExpr first, DimExpr count, DimExpr input)
    {
        if (!IsPadded)
        {
            return (first, count);
        }
        long shift = (tap * Dilation) - Pad;
        DimExpr start = DimExpr.Max(first, DimExpr.CeilDiv(-shift, Stride));
        return (start, DimExpr.Max(DimExpr.Zero, DimExpr.Min(first + count, DimExpr.FloorDiv(input - 1 - shift, Stride) + 1) - start));
    }
}

/// <summary>A convolution over one axis or two; one axis is one line.</summary>
internal sealed record ConvShape(ValuePlace Source, EquatableArray<DimExpr> Input, long Channels, ConvAxis Lines, ConvAxis Columns)
{
    public bool IsPlanar => Input.Count == 4;

    public DimExpr InputLines => IsPlanar ? Input[2] : DimExpr.One;

    public bool IsPadded => Lines.IsPadded || Columns.IsPadded;

    public static ConvShape Of(TilingContext context, Node node)
    {
        var conv = (Conv)node.Op;
        EquatableArray<DimExpr> input = node.Inputs[0].Type.Shape;
        ReadOnlySpan<long> weights = node.Inputs[1].ConstantData!.Shape;
        int last = conv.Strides.Count - 1;
        ConvAxis columns = Axis(last, weights[^1]);
        return new ConvShape(context.Storage.Place(node.Inputs[0]), input, input[1].ConstantValue!.Value, last == 1 ? Axis(0, weights[^2]) : new ConvAxis(1, 1, 1, 0, false), columns);

        ConvAxis Axis(int i, long kernel) => new(kernel, conv.Strides[i], conv.Dilations[i], conv.PadsBefore[i], conv.PadsBefore[i] != 0 || conv.PadsAfter[i] != 0);
    }
}
