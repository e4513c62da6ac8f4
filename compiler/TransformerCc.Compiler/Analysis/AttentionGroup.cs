using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Analysis;

/// <summary>How many query heads share a key head.</summary>
public enum HeadSharing
{
    /// <summary>None: every query head has its own.</summary>
    MultiHead,
    GroupedQuery,
    /// <summary>All share one.</summary>
    MultiQuery,
}

/// <summary>Which keys a query may see.</summary>
public enum AttentionReach
{
    /// <summary>All of its own sequence.</summary>
    Bidirectional,
    /// <summary>Those up to its own position, by a limit or by a mask made of positions.</summary>
    Causal,
    /// <summary>Those of another sequence.</summary>
    Cross,
}

/// <summary>Attentions of one graph that are alike.</summary>
/// <param name="Mask">The mask operand beside a causal limit.</param>
/// <param name="Past">Whether keys and values of earlier calls stand before the new ones.</param>
/// <param name="Rotary">Whether queries are rotated by their position.</param>
public sealed record AttentionGroup(HeadSharing Sharing, AttentionReach Reach, MaskKind Mask, bool Past, bool Rotary, long Heads, long KeyHeads, long Width)
{
    public int Count { get; init; } = 1;

    /// <summary>The attentions of a graph, those that are alike counted together, in order of first appearance.</summary>
    public static IReadOnlyList<AttentionGroup> Of(Graph graph) =>
        [.. graph.Nodes.Where(n => n.Op is Attention or CachedAttention).Select(n => n.Op is Attention op ? Of(op, n) : Cached((CachedAttention)n.Op, n)).GroupBy(a => a).Select(g => g.Key with { Count = g.Count() })];

    /// <summary>Attention over a cache sees the past and, of its own rows, those up to its position.</summary>
    private static AttentionGroup Cached(CachedAttention op, Node node)
    {
        (_, DimExpr queryHeads, _, DimExpr width) = op.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (long heads, long shared) = (queryHeads.ConstantValue ?? 0, node.Inputs[1].Type.Shape[1].ConstantValue ?? 0);
        return new AttentionGroup(Share(heads, shared), AttentionReach.Causal, MaskKind.None, Past: true, Origins.Of(node.Inputs[0]).Rotated, heads, shared, width.ConstantValue ?? 0);
    }

    private static HeadSharing Share(long heads, long shared) =>
        heads == shared ? HeadSharing.MultiHead : shared == 1 ? HeadSharing.MultiQuery : HeadSharing.GroupedQuery;

    private static AttentionGroup Of(Attention op, Node node)
    {
        (_, DimExpr queryHeads, DimExpr queries, DimExpr width) = op.Query.Split(node.Inputs[0].Type.Shape.AsSpan());
        (_, DimExpr keyHeads, DimExpr keys, _) = op.Key.Split(node.Inputs[1].Type.Shape.AsSpan());
        (long heads, long shared) = (queryHeads.ConstantValue ?? 0, keyHeads.ConstantValue ?? 0);
        Origins query = Origins.Of(node.Inputs[0]), key = Origins.Of(node.Inputs[1]);
        bool own = query.Values.Overlaps(key.Values);
        bool causal = op.CausalOffset is not null || (op.Mask != MaskKind.None && ComparesPositions(node.Inputs[3]));
        return new AttentionGroup(
            Share(heads, shared),
            causal ? AttentionReach.Causal : own ? AttentionReach.Bidirectional : AttentionReach.Cross,
            op.Mask,
            Past: own && key.Values.Any(v => v.Producer is null && !query.Values.Contains(v)) && keys != queries,
            query.Rotated, heads, shared, width.ConstantValue ?? 0);
    }

    /// <summary>Whether a mask holds a comparison of two positions, as a causal one does.</summary>
    private static bool ComparesPositions(Value mask)
    {
        var seen = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        var work = new Stack<Value>([mask]);
        while (work.TryPop(out Value? at))
        {
            if (at.Producer is not { } node || !seen.Add(at))
            {
                continue;
            }
            if (node.Op is Trilu || (node.Op is Binary { Function: BinaryOp.Less or BinaryOp.LessOrEqual or BinaryOp.Greater or BinaryOp.GreaterOrEqual } && node.Inputs.TrueForAll(HoldsPositions)))
            {
                return true;
            }
            node.Inputs.ForEach(work.Push);
        }
        return false;
    }

    private static bool HoldsPositions(Value value)
    {
        var seen = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        var work = new Stack<Value>([value]);
        while (work.TryPop(out Value? at))
        {
            if (at.Producer is not { } node || !seen.Add(at))
            {
                continue;
            }
            if (node.Op is Iota or CumSum)
            {
                return true;
            }
            node.Inputs.ForEach(work.Push);
        }
        return false;
    }
}
