using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Small fusions of ONNX Runtime, taken apart again (ContribOperators.md, 1.30).</summary>
internal static class ContribFusedOperators
{
    private const string Microsoft = ContribOperators.Microsoft;

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("BiasAdd", From(1, "X", "bias", "skip"), n => n.Return(n.Add(n.Add(n.Value(0), n.Value(1)), n.Value(2)))) { Domain = Microsoft },
        new("BiasSplitGelu", From(1, "X", "bias"), BiasSplitGelu) { Domain = Microsoft },
        new("BiasSoftmax", From(1, "data", "bias").Int("axis").ZeroIsNo("is_inner_broadcast").Required("is_inner_broadcast"), BiasSoftmax) { Domain = Microsoft },
        new("FusedGemm", From(1, "A", "B", "C?").Float("alpha", "beta", "activation_alpha").ZeroIsNo("transA", "transB").Choice("activation", "Relu", "Sigmoid", "Tanh", "LeakyRelu")
            .Unused(AttributeKind.Float, "activation_beta", OneNumber).Unused(AttributeKind.Float, "activation_gamma", OneNumber), FusedGemm) { Domain = Microsoft },
        new("GemmFastGelu", From(1, "X", "W", "bias?"), n => n.Return(n.Unary(UnaryOp.GeluTanh, ContribOperators.Sum(n, ContractionOperators.Multiply(n, n.Value(0), n.Value(1)), 2)))) { Domain = Microsoft },
        new("TransposeMatMul", From(1, "A", "B").Float("alpha").ZeroIsNo("transA", "transB"), ContribOperators.FusedMatMul) { Domain = Microsoft },
    ];

    private const string OneNumber = "the activations that are supported have one number";

    /// <summary>The halves of x + bias: the first times the GELU of the second.</summary>
    private static void BiasSplitGelu(NodeContext n)
    {
        Value sum = n.Add(n.Value(0), n.Value(1));
        int axis = sum.Type.Rank - 1;
        DimExpr half = DimExpr.FloorDiv(sum.Type.Shape.Last, 2);
        n.Return(n.Multiply(n.SliceAxis(sum, axis, DimExpr.Zero, half), n.Unary(UnaryOp.GeluErf, n.SliceAxis(sum, axis, half, half))));
    }

    /// <summary>softmax(x + bias) from an axis on. The bias lacks dimensions before that axis: those it has are the first ones, or the last ones of them.</summary>
    private static void BiasSoftmax(NodeContext n)
    {
        Value x = n.Value(0), bias = n.Value(1);
        int rank = x.Type.Rank, axis = AxisRules.Normalize(n.Int("axis", 1), rank);
        if (n.Int("is_inner_broadcast", 1) == 0 && bias.Type.Rank < rank)
        {
            bias = n.Reshape(bias, [.. Enumerable.Repeat(DimExpr.One, rank - bias.Type.Rank), .. bias.Type.Shape]);
        }
        else if (bias.Type.Rank < rank)
        {
            int outer = bias.Type.Rank - (rank - axis);
            bias = outer < 0 ? bias : n.Reshape(bias, [.. bias.Type.Shape.Take(outer), .. Enumerable.Repeat(DimExpr.One, rank - bias.Type.Rank), .. bias.Type.Shape.Skip(outer)]);
        }
        Value sum = n.Add(x, bias);
        Value rows = n.Reshape(sum, [.. sum.Type.Shape.Take(axis), DimExpr.Product(sum.Type.Shape.Skip(axis))]);
        n.Return(n.Reshape(n.Emit(new Softmax(axis), rows), sum.Type.Shape));
    }

    private static void FusedGemm(NodeContext n)
    {
        Value product = ContractionOperators.GemmProduct(n);
        n.Return(n.Text("activation", "") switch
        {
            "Relu" => n.Unary(UnaryOp.Relu, product),
            "Sigmoid" => n.Unary(UnaryOp.Sigmoid, product),
            "Tanh" => n.Unary(UnaryOp.Tanh, product),
            "LeakyRelu" => n.Binary(BinaryOp.Max, product, n.Multiply(product, n.Scalar(product.Type.Element, n.Float("activation_alpha", 0.01f)))),
            string other => throw ImportException.Invalid($"activation '{other}' is not supported"),
        });
    }
}
