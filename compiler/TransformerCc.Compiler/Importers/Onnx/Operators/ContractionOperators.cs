using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Sums of products: matrix multiplication.</summary>
internal static class ContractionOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("MatMul", From(1, "A", "B"), n => n.Return(Multiply(n, n.Value(0), n.Value(1)))),
        new("Gemm", [Product(7, "C"), Product(11, "C?")], Gemm),
    ];

    private static OperatorSignature Product(long since, string added) => From(since, "A", "B", added).Float("alpha", "beta").ZeroIsNo("transA", "transB");

    /// <summary>numpy: a vector is a row on the left and a column on the right, and that dimension goes away again.</summary>
    public static Value Multiply(NodeContext n, Value a, Value b)
    {
        bool row = a.Type.Rank == 1, column = b.Type.Rank == 1;
        Value left = row ? n.Reshape(a, [1, .. a.Type.Shape]) : a, right = column ? n.Reshape(b, [.. b.Type.Shape, 1]) : b;
        Value product = n.Emit(new MatMul(), left, right);
        int rank = product.Type.Rank;
        return n.Reshape(product, product.Type.Shape.Where((_, i) => !(row && i == rank - 2) && !(column && i == rank - 1)));
    }

    private static void Gemm(NodeContext n) => n.Return(GemmProduct(n));

    /// <summary>α·A'·B' + β·C.</summary>
    public static Value GemmProduct(NodeContext n)
    {
        Value a = n.Int("transA", 0) != 0 ? n.Transpose(n.Value(0), 1, 0) : n.Value(0);
        Value b = n.Int("transB", 0) != 0 ? n.Transpose(n.Value(1), 1, 0) : n.Value(1);
        Value Scaled(Value x, float factor) => factor == 1 ? x : n.Multiply(x, n.Scalar(x.Type.Element, factor));
        Value product = Scaled(n.Emit(new MatMul(), a, b), n.Float("alpha", 1));
        float beta = n.Float("beta", 1);
        return n.Optional(2) is null || beta == 0 ? product : n.Add(product, Scaled(n.Value(2), beta));
    }
}
