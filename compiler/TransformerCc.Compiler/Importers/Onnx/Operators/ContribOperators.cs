using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// What ONNX Runtime fuses around matrix products: norms with a residual, embeddings, activations with a bias. Their
/// definition is ONNX Runtime's ContribOperators.md (1.30).
/// </summary>
internal static class ContribOperators
{
    public const string Microsoft = "com.microsoft";

    /// <summary>The α of x·sigmoid(α·x) that the graph's own quick GELU has.</summary>
    private const float QuickGeluAlpha = 1.702f;

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("SkipLayerNormalization", SkipSignature("gamma", "beta?", "bias?"), n => SkipNorm(n, NormKind.Layer, 3, 4)) { Domain = Microsoft },
        new("SkipSimplifiedLayerNormalization", SkipSignature("gamma", "bias?"), n => SkipNorm(n, NormKind.Rms, null, 3)) { Domain = Microsoft },
        new("EmbedLayerNormalization",
            From(1, "input_ids", "segment_ids?", "word_embedding", "position_embedding", "segment_embedding?", "gamma", "beta", "mask?", "position_ids?")
                .Returns("output", "mask_index?", "embedding_sum?").Epsilon().Only("mask_index_type", 0, "the second output is the number of visible tokens of each row"), EmbedLayerNorm) { Domain = Microsoft },
        new("BiasGelu", From(1, "A", "B"), n => n.Return(n.Unary(UnaryOp.GeluErf, n.Add(n.Value(0), n.Value(1))))) { Domain = Microsoft },
        new("Gelu", From(1, "X"), n => n.Return(n.Unary(UnaryOp.GeluErf, n.Value(0)))) { Domain = Microsoft },
        new("FastGelu", From(1, "X", "bias?"), n => n.Return(n.Unary(UnaryOp.GeluTanh, Sum(n, n.Value(0), 1)))) { Domain = Microsoft },
        new("QuickGelu", From(1, "X").Float("alpha"), QuickGelu) { Domain = Microsoft },
        new("FusedMatMul", From(1, "A", "B").Float("alpha").ZeroIsNo("transA", "transB", "transBatchA", "transBatchB"), FusedMatMul) { Domain = Microsoft },
    ];

    private static OperatorSignature SkipSignature(params IEnumerable<string> inputs) => From(1, ["input", "skip", .. inputs])
        .Returns("output", "mean?", "inv_std_var?", "input_skip_bias_sum?").Epsilon()
        .RefuseOutput("mean", "statistics for training").RefuseOutput("inv_std_var", "statistics for training");

    /// <summary>x plus an optional input.</summary>
    public static Value Sum(NodeContext n, Value x, int? input) => input is { } index && n.Optional(index) is not null ? n.Add(x, n.Value(index)) : x;

    /// <summary>Outputs: norm(x + skip + bias), mean, 1 / standard deviation, x + skip + bias.</summary>
    private static void SkipNorm(NodeContext n, NormKind kind, int? shift, int bias)
    {
        Value sum = Sum(n, n.Add(n.Value(0), n.Value(1)), bias);
        NormalizeLast(n, sum, kind, n.Float("epsilon", 1e-12f), n.Value(2), shift is { } index && n.Optional(index) is not null ? n.Value(index) : null);
        n.Return(sum, 3);
    }

    private static void NormalizeLast(NodeContext n, Value x, NormKind kind, float epsilon, Value scale, Value? shift)
    {
        var norm = new Norm(kind, epsilon, shift is not null);
        n.Return(shift is null ? n.Emit(norm, x, scale) : n.Emit(norm, x, scale, shift));
    }

    /// <summary>Outputs: norm(word + position + segment), the count of visible tokens of each row, the sum itself.</summary>
    private static void EmbedLayerNorm(NodeContext n)
    {
        Value ids = n.Value(0), positionTable = n.Value(3);
        if (ids.Type.Rank != 2)
        {
            throw ImportException.Invalid($"token numbers {ids.Type} are not [batch, length]");
        }
        DimExpr batch = ids.Type.Shape[0], length = ids.Type.Shape[1];
        Value sum = n.Emit(new Gather(0), n.Value(2), ids);
        if (n.Optional(8) is not null)
        {
            sum = n.Add(sum, n.Emit(new Gather(0), positionTable, n.Value(8)));
        }
        else
        {
            if (positionTable.Type.Shape[0].ConstantValue is { } limit && n.Dimensions.Bounds(length).Upper > limit)
            {
                n.Dimensions.Tighten(length, limit, n.Location, $"the table of positions has {limit} entries");
            }
            sum = n.Add(sum, n.SliceAxis(positionTable, 0, DimExpr.Zero, length));
        }
        if (n.Optional(1) is not null && n.Optional(4) is not null)
        {
            sum = n.Add(sum, n.Emit(new Gather(0), n.Value(4), n.Value(1)));
        }
        NormalizeLast(n, sum, NormKind.Layer, n.Float("epsilon", 1e-12f), n.Value(5), n.Value(6));
        n.ReturnIfNamed(() => n.Optional(7) is null ? n.Broadcast(n.Scalar(ElementType.I32, 0), [batch]) : n.Reduce(ReduceOp.Sum, n.Cast(n.Value(7), ElementType.I32), [1], false), 1);
        n.Return(sum, 2);
    }

    private static void QuickGelu(NodeContext n)
    {
        float alpha = n.Float("alpha", QuickGeluAlpha);
        n.Return(alpha == QuickGeluAlpha ? n.Unary(UnaryOp.GeluQuick, n.Value(0)) : ActivationOperators.Swish(n, n.Value(0), alpha));
    }

    /// <summary>α·A'·B'; trans swaps the last two dimensions, transBatch moves the first dimension behind the other leading ones.</summary>
    public static void FusedMatMul(NodeContext n)
    {
        Value Operand(int input, string swap, string rotate)
        {
            Value x = n.Value(input);
            int rank = x.Type.Rank;
            List<long> order = [.. Enumerable.Range(0, rank).Select(i => (long)i)];
            if (rank > 1 && n.Int(rotate, 0) != 0)
            {
                order = [.. order.Skip(1).Take(rank - 2), 0, rank - 1];
            }
            if (rank > 1 && n.Int(swap, 0) != 0)
            {
                (order[rank - 2], order[rank - 1]) = (order[rank - 1], order[rank - 2]);
            }
            return order.SequenceEqual(order.Order()) ? x : n.Transpose(x, [.. order]);
        }
        Value product = ContractionOperators.Multiply(n, Operand(0, "transA", "transBatchA"), Operand(1, "transB", "transBatchB"));
        float alpha = n.Float("alpha", 1);
        n.Return(alpha == 1 ? product : n.Multiply(product, n.Scalar(product.Type.Element, alpha)));
    }
}
