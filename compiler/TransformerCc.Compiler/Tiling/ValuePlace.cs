using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Where a value lies: in a tensor in DRAM, or resident in a buffer in ASP. It is dense and row-major in both, so the
/// same strides lead through it.
/// </summary>
/// <param name="Tensor">Null for a value that is resident.</param>
/// <param name="Buffer">Null for a value in DRAM.</param>
internal sealed record ValuePlace(ElementType Format, DramTensor? Tensor, TileBuffer? Buffer)
{
    /// <summary>What of the tensor is meant.</summary>
    public DramPart Part { get; init; }

    public static ValuePlace Of(DramTensor tensor) => new(tensor.Type, tensor, null);

    /// <summary>The engine that moves it into tiles.</summary>
    public Engine Mover => Tensor is null ? Engine.Copy : Engine.DmaIn;

    /// <summary>A box of up to three dimensions from an offset in bytes on.</summary>
    public PlaceBox From(DimExpr offset, Extent3 stride) => new(this, offset, stride);

    /// <summary>Rows of elements that follow each other.</summary>
    public PlaceBox Rows(DimExpr offset, DimExpr rowStride) => From(offset, new Extent3(DimExpr.Zero, rowStride, Format.Size()));

    /// <summary>Elements that follow each other.</summary>
    public PlaceBox Run(DimExpr offset) => Rows(offset, DimExpr.Zero);
}

/// <summary>A box of a value, wherever that lies: the other side of a tile's transfer. Strides in bytes.</summary>
internal readonly record struct PlaceBox(ValuePlace Place, DimExpr Offset, Extent3 Stride)
{
    public ElementType Format => Place.Format;

    /// <summary>Moves the box into a tile: by DMA from DRAM, by the copy engine from ASP.</summary>
    public void Read(TileBuilder builder, StridedTile target, Extent3 count)
    {
        if (Place.Tensor is { } tensor)
        {
            builder.Load(target, new StridedDram(tensor, Offset, Stride, Place.Part), count);
        }
        else
        {
            builder.Copy(target, InAsp, count);
        }
    }

    /// <summary>Moves a tile into the box.</summary>
    public void Write(TileBuilder builder, StridedTile source, Extent3 count)
    {
        if (Place.Tensor is { } tensor)
        {
            builder.Store(new StridedDram(tensor, Offset, Stride, Place.Part), source, count);
        }
        else
        {
            builder.Copy(InAsp, source, count);
        }
    }

    /// <summary>
    /// The box as rows that the matrix and vector engines take where they lie, outer · middle of them. Null for a value in
    /// DRAM, and where rows have no constant distance or do not start on lines.
    /// </summary>
    public VectorTile? InPlace(DimExpr outer, DimExpr middle)
    {
        DimExpr row = outer.Is(1) || Stride.Outer == Stride.Middle * middle ? Stride.Middle : middle.Is(1) ? Stride.Outer : DimExpr.Zero;
        return Place.Buffer is { } buffer && !row.Is(0) && Stride.Inner.Is(Format.Size()) && OnLines(row) && OnLines(Offset) ? new VectorTile(buffer, Offset, row, Format) : null;
    }

    private StridedTile InAsp => new(Place.Buffer!, Offset, Format, Stride);

    private static bool OnLines(DimExpr bytes) => DimExpr.Mod(bytes, Lines.Bytes).Is(0);
}
