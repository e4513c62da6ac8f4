using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Distances in bytes between the elements of dense, row-major tensors.</summary>
internal static class ByteStrides
{
    public static DimExpr[] Of(EquatableArray<DimExpr> shape, int elementBytes)
    {
        var strides = new DimExpr[shape.Count];
        DimExpr stride = elementBytes;
        for (int i = shape.Count - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
        return strides;
    }
}

/// <summary>A tensor of heads in DRAM with the byte strides of its dimensions.</summary>
internal sealed record HeadTensor(DramTensor Tensor, DimExpr Batch, DimExpr Head, DimExpr Sequence, DimExpr Width)
{
    public static HeadTensor Of(TilingContext context, Value value, HeadLayout layout)
    {
        DramTensor tensor = context.Storage.Tensor(value);
        (DimExpr batch, DimExpr head, DimExpr sequence, DimExpr width) = layout.Split<DimExpr>(ByteStrides.Of(value.Type.Shape, tensor.Type.Size()));
        return new HeadTensor(tensor, batch, head, sequence, width);
    }

    /// <summary>The place of a position of a head of a sequence.</summary>
    public DimExpr At(DimExpr batch, DimExpr head, DimExpr position) => (batch * Batch) + (head * Head) + (position * Sequence);

    /// <summary>Some positions of some heads, from a place on.</summary>
    public StridedDram From(DimExpr place) => new(Tensor, place, new Extent3(Head, Sequence, Width));
}
