using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// What the attention operators of every domain have in common: queries against keys, masks that stretch to
/// [batch, heads, queries, keys], and the graph nodes they become.
/// </summary>
internal sealed class AttentionBuilder(NodeContext n, Heads query, Heads key, Heads value, float scale)
{
    private readonly List<Value> _added = [];
    private readonly List<Value> _visible = [];

    public DimExpr[] ScoreShape { get; } = [query.Batch, query.Count, query.Length, key.Length];

    /// <summary>Key j is visible to query i where j ≤ i + offset; null when all are.</summary>
    public DimExpr? CausalOffset { get; set; }

    /// <summary>scores = cap·tanh(scores / cap) ahead of every mask; 0 for none.</summary>
    public float SoftCap { get; set; }

    /// <summary>Whether a query that no key is visible to gives 0 where masks are added too; otherwise NaN, as plain softmax does.</summary>
    public bool ZeroesHiddenRows { get; init; }

    /// <summary>Adds to the scores; the type becomes that of the queries.</summary>
    public void AddToScores(Value bias, string what) => _added.Add(n.Cast(Fitting.FitBroadcast(n, bias, ScoreShape, what), query.Tensor.Type.Element));

    /// <summary>Hides keys where it is false.</summary>
    public void Hide(Value visible, string what) => _visible.Add(Fitting.FitBroadcast(n, visible, ScoreShape, what));

    /// <summary>Adds a number to the scores of the keys that are not visible, as ONNX Runtime's masks of integers do.</summary>
    public void Penalize(Value visible, float penalty, string what)
    {
        ElementType type = query.Tensor.Type.Element;
        // float16 holds no number below −65504.
        double number = type == ElementType.F16 ? Math.Max(penalty, -65504) : penalty;
        _added.Add(n.Select(Fitting.FitBroadcast(n, visible, ScoreShape, what), n.Scalar(type, 0), n.Scalar(type, number)));
    }

    /// <summary>The fused operator; the result is [batch, queries, heads, width].</summary>
    public Heads Fused()
    {
        if (ZeroesHiddenRows && _added.Count > 0 && CausalOffset is { } offset)
        {
            // Whether a row sees a key depends on both masks together.
            Hide(n.CausalMask(query.Length, key.Length, offset), "the causal mask");
            CausalOffset = null;
        }
        (MaskKind kind, Value? mask) = Mask();
        var op = new Attention(query.Layout, key.Layout, value.Layout, HeadLayout.BSHD, scale, kind, CausalOffset) { SoftCap = SoftCap };
        Value result = mask is null ? n.Emit(op, query.Tensor, key.Tensor, value.Tensor) : n.Emit(op, query.Tensor, key.Tensor, value.Tensor, mask);
        return new Heads(kind == MaskKind.Additive && ZeroesHiddenRows ? WithoutHiddenRows(result, mask!) : result, HeadLayout.BSHD);
    }

    /// <summary>0 for the queries whose mask is −∞ for every key: the operator divides by a sum of nothing there.</summary>
    private Value WithoutHiddenRows(Value result, Value mask)
    {
        EquatableArray<DimExpr> shape = mask.Type.Shape;
        Value rows = n.Reshape(mask, [.. Enumerable.Repeat(DimExpr.One, 4 - shape.Count), .. shape]);
        Value largest = n.Transpose(n.Reduce(ReduceOp.Max, rows, [3], keepDims: true), 0, 2, 1, 3);
        Value isSeen = n.Binary(BinaryOp.Greater, largest, n.Scalar(largest.Type.Element, double.NegativeInfinity));
        return n.Select(isSeen, result, n.Scalar(result.Type.Element, 0));
    }

    /// <summary>The scaled scores [batch, heads, queries, keys] without masks.</summary>
    public Value Scores()
    {
        Value keys = n.Transpose(Repeated(key), 0, 1, 3, 2);
        Value scores = ContractionOperators.Multiply(n, query.HeadMajor(n).Tensor, keys);
        return scale == 1 ? scores : n.Multiply(scores, n.Scalar(scores.Type.Element, scale));
    }

    /// <summary>Scores within the soft cap.</summary>
    public Value Capped(Value scores) => SoftCap == 0 ? scores : n.Emit(new Unary(UnaryOp.SoftCap, SoftCap), scores);

    /// <summary>Scores with every mask added; those of hidden keys become a number.</summary>
    public Value Masked(Value scores, double hidden)
    {
        scores = _added.Aggregate(scores, n.Add);
        return Visible() is { } visible ? n.Select(visible, scores, n.Scalar(scores.Type.Element, hidden)) : scores;
    }

    /// <summary>The weight of every key; hidden ones have none, whether or not others are visible.</summary>
    /// <param name="masked">Scores whose hidden keys are −∞.</param>
    public Value Probabilities(Value masked)
    {
        Value weights = n.Emit(new Softmax(3), masked);
        return Visible() is { } visible ? n.Select(visible, weights, n.Scalar(weights.Type.Element, 0)) : weights;
    }

    /// <summary>Which keys are visible, the causal mask included; null when all are.</summary>
    private Value? Visible()
    {
        IEnumerable<Value> all = CausalOffset is { } offset ? _visible.Append(n.CausalMask(query.Length, key.Length, offset)) : _visible;
        return all.Aggregate((Value?)null, (a, b) => a is null ? b : n.Binary(BinaryOp.And, a, b));
    }

    /// <summary>One mask operand: boolean masks alone stay boolean, with others they are added as −∞.</summary>
    private (MaskKind Kind, Value? Mask) Mask()
    {
        Value? visible = _visible.Count == 0 ? null : _visible.Aggregate((a, b) => n.Binary(BinaryOp.And, a, b));
        if (_added.Count == 0)
        {
            return (visible is null ? MaskKind.None : MaskKind.Boolean, visible);
        }
        Value added = _added.Aggregate(n.Add);
        return (MaskKind.Additive, visible is null ? added : n.Select(visible, added, n.Scalar(added.Type.Element, double.NegativeInfinity)));
    }

    /// <summary>Every key or value head as often as query heads share it: [batch, query heads, length, width].</summary>
    private Value Repeated(Heads heads)
    {
        Heads major = heads.HeadMajor(n);
        if (heads.Count == query.Count)
        {
            return major.Tensor;
        }
        if (query.Count.ConstantValue is not { } all || heads.Count.ConstantValue is not > 0 and not null || heads.Count.ConstantValue is not { } own || all % own != 0)
        {
            throw ImportException.Invalid($"{query.Count} query heads cannot share {heads.Count} key heads evenly");
        }
        Value apart = n.Reshape(major.Tensor, [major.Batch, own, DimExpr.One, major.Length, major.Width]);
        Value spread = n.Broadcast(apart, [major.Batch, own, all / own, major.Length, major.Width]);
        return n.Reshape(spread, [major.Batch, all, major.Length, major.Width]);
    }
}
