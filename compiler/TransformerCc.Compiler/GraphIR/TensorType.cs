using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR;

/// <summary>Element type and shape of a value. Dimensions are expressions over the graph's symbols.</summary>
public readonly record struct TensorType(ElementType Element, EquatableArray<DimExpr> Shape)
{
    public int Rank => Shape.Count;

    /// <summary>Number of elements.</summary>
    public DimExpr Count => DimExpr.Product(Shape);

    /// <summary>The type of actual data: every dimension is constant.</summary>
    public static TensorType Of(Tensor tensor) => new(tensor.Type, tensor.Shape.ToArray().Select(DimExpr.Constant).ToEquatableArray());

    public override string ToString() => $"{Element.Name()}{Shape}";
}
