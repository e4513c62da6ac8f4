using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A value of heads, in DRAM or resident in ASP, with the byte strides of its dimensions: boxes of some positions of some
/// heads of a sequence move between it and tiles, or are used where they lie.
/// </summary>
internal sealed record HeadTensor(ValuePlace Place, DimExpr Batch, DimExpr Head, DimExpr Sequence, DimExpr Width)
{
    public static HeadTensor Of(TilingContext context, Value value, HeadLayout layout)
    {
        ValuePlace place = context.Storage.Place(value);
        (DimExpr batch, DimExpr head, DimExpr sequence, DimExpr width) = layout.Split<DimExpr>(ByteStrides.Of(value.Type.Shape, place.Format.Size()));
        return new HeadTensor(place, batch, head, sequence, width);
    }

    /// <summary>A part of it.</summary>
    public HeadTensor Only(DramPart part) => this with { Place = Place with { Part = part } };

    /// <summary>The format in which it is stored.</summary>
    public ElementType Format => Place.Format;

    /// <summary>Brings a box [heads, positions, width] to a tile.</summary>
    /// <param name="position">Of a sequence, the first head and the first position.</param>
    public void Read(TileBuilder builder, StridedTile target, HeadPosition position, Extent3 box) =>
        From(position).Read(builder, target, box);

    /// <summary>Takes a box [heads, positions, width] from a tile.</summary>
    /// <inheritdoc cref="Read"/>
    public void Write(TileBuilder builder, StridedTile source, HeadPosition position, Extent3 box) =>
        From(position).Write(builder, source, box);

    /// <summary>
    /// A box as rows that the engines take and write where they lie, positions inside heads: of a resident value whose rows
    /// are on lines at a constant distance. Null elsewhere: the box has to be moved.
    /// </summary>
    /// <inheritdoc cref="Read"/>
    public VectorTile? InPlace(HeadPosition position, DimExpr heads, DimExpr positions) => From(position).InPlace(heads, positions);

    /// <summary>Everything from a position on.</summary>
    public PlaceBox From(HeadPosition p) => Place.From((p.Sequence * Batch) + (p.Head * Head) + (p.Position * Sequence), new Extent3(Head, Sequence, Width));
}

/// <summary>A position of a head of a sequence.</summary>
internal readonly record struct HeadPosition(DimExpr Sequence, DimExpr Head, DimExpr Position);
