using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Symbolic;

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
