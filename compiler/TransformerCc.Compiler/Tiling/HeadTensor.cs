using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>A tensor of heads in DRAM with the byte strides of its dimensions: boxes of some positions of some heads of a sequence move between it and tiles.</summary>
internal sealed record HeadTensor(DramTensor Tensor, DimExpr Batch, DimExpr Head, DimExpr Sequence, DimExpr Width)
{
    public static HeadTensor Of(TilingContext context, Value value, HeadLayout layout)
    {
        DramTensor tensor = context.Storage.Tensor(value);
        (DimExpr batch, DimExpr head, DimExpr sequence, DimExpr width) = layout.Split<DimExpr>(ByteStrides.Of(value.Type.Shape, tensor.Type.Size()));
        return new HeadTensor(tensor, batch, head, sequence, width);
    }

    /// <summary>The format in which it is stored.</summary>
    public ElementType Format => Tensor.Type;

    /// <summary>Brings a box [heads, positions, width] to a tile.</summary>
    /// <param name="position">Of a sequence, the first head and the first position.</param>
    public void Read(TileBuilder builder, StridedTile target, HeadPosition position, Extent3 box) =>
        builder.Load(target, From(At(position)), box);

    /// <summary>Takes a box [heads, positions, width] from a tile.</summary>
    /// <inheritdoc cref="Read"/>
    public void Write(TileBuilder builder, StridedTile source, HeadPosition position, Extent3 box) =>
        builder.Store(From(At(position)), source, box);

    private DimExpr At(HeadPosition p) => (p.Sequence * Batch) + (p.Head * Head) + (p.Position * Sequence);

    private StridedDram From(DimExpr place) => new(Tensor, place, new Extent3(Head, Sequence, Width));
}

/// <summary>A position of a head of a sequence.</summary>
internal readonly record struct HeadPosition(DimExpr Sequence, DimExpr Head, DimExpr Position);
