using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>One value over many elements, and softmax, which is made of such.</summary>
internal static class ReductionOperators
{
    private static readonly OperatorSignature[] s_extreme = [From(1, "data").Int("axis").OneIsYes("keepdims"), From(12, "data").Int("axis").OneIsYes("keepdims", "select_last_index")];

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        Reduction("ReduceSum", ReduceOp.Sum, axesAreInputSince: 13) with { Fold = FoldReduce((n, t, a, b) => n.Exact.Add(t, a, b), Exact.Of(0)) },
        Reduction("ReduceProd", ReduceOp.Product) with { Fold = FoldReduce((n, t, a, b) => n.Exact.Multiply(t, a, b), Exact.Of(1)) },
        Reduction("ReduceMax", ReduceOp.Max) with { Fold = FoldReduce((n, t, a, b) => n.Exact.Maximum(t, a, b), null) },
        Reduction("ReduceMin", ReduceOp.Min) with { Fold = FoldReduce((n, t, a, b) => n.Exact.Minimum(t, a, b), null) },
        Reduction("ReduceMean", ReduceOp.Mean),
        Reduction("ReduceSumSquare", ReduceOp.SumSquares),
        Reduction("ReduceL1", ReduceOp.SumAbs),
        new("ReduceL2", Reductions(), n => Reduce(n, x => x, ReduceOp.SumSquares, y => n.Unary(UnaryOp.Sqrt, y))),
        new("ReduceLogSum", Reductions(), n => Reduce(n, x => x, ReduceOp.Sum, y => n.Unary(UnaryOp.Log, y))),
        new("ReduceLogSumExp", Reductions(), LogSumExp),
        new("GlobalAveragePool", From(1, "X"), n => n.Return(n.Reduce(ReduceOp.Mean, n.Value(0), Spatial(n), true))),
        new("GlobalMaxPool", From(1, "X"), n => n.Return(n.Reduce(ReduceOp.Max, n.Value(0), Spatial(n), true))),
        new("LpNormalization", From(1, "input").Int("axis", "p"), LpNormalization),
        new("ArgMax", s_extreme, n => Extreme(n, ReduceOp.ArgMax)),
        new("ArgMin", s_extreme, n => Extreme(n, ReduceOp.ArgMin)),
        new("Softmax", From(1, "input").Int("axis"), n => n.Return(AlongAxis(n, Softmax))),
        new("LogSoftmax", From(1, "input").Int("axis"), n => n.Return(AlongAxis(n, LogSoftmax))),
        new("CumSum", From(11, "x", "axis").Flag("exclusive", "reverse"), n => n.Return(n.Emit(
            new CumSum(AxisRules.Normalize(n.Integer(1, "the axis"), n.Rank(0)), n.Int("exclusive", 0) != 0, n.Int("reverse", 0) != 0), n.Value(0)))),
    ];

    /// <summary>Axes became an input in one version of the operator set, for most functions in 18.</summary>
    private static OperatorSignature[] Reductions(long axesAreInputSince = 18) =>
        [From(1, "data").Ints("axes").OneIsYes("keepdims"), From(axesAreInputSince, "data", "axes?").OneIsYes("keepdims", "noop_with_empty_axes")];

    private static OperatorEntry Reduction(string name, ReduceOp function, long axesAreInputSince = 18) => new(name, Reductions(axesAreInputSince), n => Reduce(n, x => x, function, y => y));

    /// <summary>All dimensions after batch and channels.</summary>
    private static IEnumerable<long> Spatial(NodeContext n) => Enumerable.Range(2, int.Max(0, n.Rank(0) - 2)).Select(i => (long)i);

    /// <summary>x / ‖x‖ₚ; a row of zeros stays one.</summary>
    private static void LpNormalization(NodeContext n)
    {
        Value x = n.Value(0);
        long[] axes = [AxisRules.Normalize(n.Int("axis", -1), x.Type.Rank)];
        Value length = n.Int("p", 2) switch
        {
            1 => n.Reduce(ReduceOp.SumAbs, x, axes, true),
            2 => n.Unary(UnaryOp.Sqrt, n.Reduce(ReduceOp.SumSquares, x, axes, true)),
            var p => throw ImportException.Invalid($"p = {p} is not supported, 1 and 2 are"),
        };
        n.Return(n.Divide(x, n.Select(n.Binary(BinaryOp.Equal, length, n.Scalar(x.Type.Element, 0)), n.Scalar(x.Type.Element, 1), length)));
    }

    /// <summary>Axes are an attribute or, since operator set 13 or 18, an input; none means all, or nothing at all if so asked.</summary>
    private static long[]? Axes(NodeContext n, int rank)
    {
        long[]? given = n.IntsOrInput("axes", 1);
        return given is { Length: > 0 } ? AxisRules.Normalize(given, rank) : n.Int("noop_with_empty_axes", 0) != 0 ? null : [.. Enumerable.Range(0, rank).Select(i => (long)i)];
    }

    private static void Reduce(NodeContext n, Func<Value, Value> before, ReduceOp function, Func<Value, Value> after)
    {
        Value x = before(n.Value(0));
        // Without axes to reduce, sums of one element remain: their functions still apply.
        long[] axes = Axes(n, x.Type.Rank) ?? [];
        n.Return(after(axes.Length == 0 && function is not (ReduceOp.SumSquares or ReduceOp.SumAbs) ? x : n.Reduce(function, x, axes, n.Int("keepdims", 1) != 0)));
    }

    /// <summary>m + log Σ exp(x − m), m the largest element.</summary>
    private static void LogSumExp(NodeContext n)
    {
        Value x = n.Value(0);
        if (Axes(n, x.Type.Rank) is not { Length: > 0 } axes)
        {
            n.Return(x);
            return;
        }
        Value largest = n.Reduce(ReduceOp.Max, x, axes, true);
        Value sum = n.Reduce(ReduceOp.Sum, n.Unary(UnaryOp.Exp, n.Subtract(x, largest)), axes, true);
        Value result = n.Add(n.Unary(UnaryOp.Log, sum), largest);
        n.Return(n.Int("keepdims", 1) != 0 ? result : n.Reshape(result, result.Type.Shape.Where((_, i) => !axes.Contains(i))));
    }

    /// <summary>The last of equal elements is the first of them counted from the end.</summary>
    private static void Extreme(NodeContext n, ReduceOp function)
    {
        Value x = n.Value(0);
        int axis = AxisRules.Normalize(n.Int("axis", 0), x.Type.Rank);
        bool keep = n.Int("keepdims", 1) != 0;
        if (n.Int("select_last_index", 0) == 0)
        {
            n.Return(n.Reduce(function, x, [axis], keep));
            return;
        }
        DimExpr last = x.Type.Shape[axis] - 1;
        Value reversed = n.Emit(new Slice(
            x.Type.Shape.Select((_, i) => i == axis ? last : DimExpr.Zero).ToEquatableArray(), x.Type.Shape,
            x.Type.Shape.Select((_, i) => i == axis ? -1L : 1L).ToEquatableArray()), x);
        Value position = n.Emit(new ShapeValue([last], []));
        n.Return(n.Subtract(position, n.Reduce(function, reversed, [axis], keep)));
    }

    /// <summary>Softmax as a version of the operator set has it.</summary>
    public static Value SoftmaxOf(NodeContext n, Value x, long opset) => AlongAxis(n, x, opset, Softmax);

    private static Value Softmax(NodeContext n, Value x, int axis) => n.Emit(new Softmax(axis), x);

    /// <summary>x − m − log Σ exp(x − m), m the largest element.</summary>
    private static Value LogSoftmax(NodeContext n, Value x, int axis)
    {
        Value shifted = n.Subtract(x, n.Reduce(ReduceOp.Max, x, [axis], true));
        return n.Subtract(shifted, n.Unary(UnaryOp.Log, n.Reduce(ReduceOp.Sum, n.Unary(UnaryOp.Exp, shifted), [axis], true)));
    }

    private static Value AlongAxis(NodeContext n, Func<NodeContext, Value, int, Value> function) => AlongAxis(n, n.Value(0), n.Opset, function);

    /// <summary>Before operator set 13 the axis splits the shape in two, and all dimensions from it on are one.</summary>
    private static Value AlongAxis(NodeContext n, Value x, long opset, Func<NodeContext, Value, int, Value> function)
    {
        int rank = x.Type.Rank;
        int axis = AxisRules.Normalize(n.Int("axis", opset < 13 ? 1 : -1), rank);
        if (opset >= 13 || axis == rank - 1)
        {
            return function(n, x, axis);
        }
        Value flat = n.Reshape(x, [DimExpr.Product(x.Type.Shape.Take(axis)), DimExpr.Product(x.Type.Shape.Skip(axis))]);
        return n.Reshape(function(n, flat, 1), x.Type.Shape);
    }

    /// <summary>Reduces contents over all of a vector, as shape arithmetic does.</summary>
    private static Func<NodeContext, int, Contents?> FoldReduce(Func<NodeContext, ElementType, Exact, Exact, Exact?> function, Exact? start) => (n, _) =>
    {
        if (n.Contents(0) is not { Rank: 1 } x || Axes(n, 1) is null || (start is null && x.Elements.Count == 0))
        {
            return null;
        }
        Exact? result = start ?? x.Elements[0];
        foreach (Exact? element in start is null ? x.Elements.Skip(1) : x.Elements)
        {
            result = result is { } r && element is { } e ? function(n, x.Type, r, e) : null;
        }
        return new Contents(x.Type, n.Int("keepdims", 1) != 0 ? [1] : [], [result]);
    };
}
