using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Moves reshapes and transposes that leave the last dimension alone towards the outputs, past operators that work on
/// rows, until they meet their inverse; and turns transposes of heads into layouts of attention and rotation.
/// </summary>
public sealed class FoldLayout : RewritePass
{
    public override string Name => "fold-layout";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context) => node.Op switch
    {
        Unary or Cast or Norm or MatMul or Gated or Binary => PastRowOperator(node, editor),
        Slice op => PastTranspose(op, node, editor),
        Rope op => RopeLayout(op, node, editor),
        Attention op => OperandLayouts(op, node, editor),
        Transpose op => ResultLayout(op, node, editor) ?? PastMerge(op, node, editor),
        Reshape => MergeBeforeTranspose(node, editor),
        _ => null,
    };

    /// <summary>f(move(x), …) = move(f(x, …)) where f treats every row alike.</summary>
    private static Value? PastRowOperator(Node node, GraphEditor editor)
    {
        var operands = node.Inputs.ToArray();
        Node? move = null;
        for (int i = 0; i < operands.Length; i++)
        {
            Value operand = operands[i];
            if ((i == 0 || node.Op is Binary or Gated) && operand.Producer is { Op: Reshape or Transpose } candidate && KeepsRows(candidate) && (move is null || SameMove(move, candidate)))
            {
                move ??= candidate;
                operands[i] = candidate.Inputs[0];
            }
            else if (!IsRowParameter(node, i))
            {
                return null;
            }
        }
        if (move is null || (node.Op is Binary && operands.All(v => v.Type.Shape != move.Inputs[0].Type.Shape)))
        {
            return null;
        }
        Value moved = editor.Add(node.Op, operands, node.Sources);
        return moved.Type.Rank == move.Inputs[0].Type.Rank ? editor.Add(Again(move.Op, node.Output), [moved], move.Sources) : null;
    }

    /// <summary>Whether a movement only regroups or reorders rows: the last dimension stays what it is.</summary>
    private static bool KeepsRows(Node move)
    {
        TensorType from = move.Inputs[0].Type, to = move.Output.Type;
        return from.Rank >= 2 && to.Rank >= 2 && (move.Op is Transpose op ? op.Permutation.Last == from.Rank - 1 : from.Shape.Last == to.Shape.Last);
    }

    private static bool SameMove(Node a, Node b) => a.Op == b.Op && a.Inputs[0].Type.Shape == b.Inputs[0].Type.Shape;

    /// <summary>Operands that are the same for every row: weights, scales, biases, numbers.</summary>
    private static bool IsRowParameter(Node node, int operand)
    {
        TensorType type = node.Inputs[operand].Type;
        return node.Op switch
        {
            MatMul => operand == 1 && Match.IsWeight(node.Inputs[operand]),
            Norm => operand > 0,
            Binary => node.Inputs[1 - operand].Type.Shape == node.Output.Type.Shape && type.Shape.SkipLast(1).All(d => d.Is(1)) && node.Inputs[operand].IsConstant && type.Rank <= 1,
            _ => false,
        };
    }

    private static Operator Again(Operator move, Value result) => move is Reshape ? new Reshape(result.Type.Shape) : move;

    private static Value? PastTranspose(Slice op, Node node, GraphEditor editor)
    {
        if (!Match.Node(node.Inputs[0], out Node moved, out Transpose transpose) || !KeepsRows(moved))
        {
            return null;
        }
        Value slice = editor.Add(new Slice(Before(op.Starts), Before(op.Sizes), Before(op.Steps)), [moved.Inputs[0]], node.Sources);
        return editor.Add(transpose, [slice], moved.Sources);

        EquatableArray<T> Before<T>(EquatableArray<T> entries) where T : IEquatable<T>
        {
            var before = new T[entries.Count];
            for (int i = 0; i < before.Length; i++)
            {
                before[transpose.Permutation[i]] = entries[i];
            }
            return before.ToEquatableArray();
        }
    }

    /// <summary>rope(transpose(x)) = transpose(rope(x)) between the two layouts of rotation.</summary>
    private static Value? RopeLayout(Rope op, Node node, GraphEditor editor)
    {
        if (!Match.Node(node.Inputs[0], out Node moved, out Transpose transpose)
            || HeadOperand.Layout(HeadOperand.BeforeTranspose(transpose, op.Layout.ToString()), false) is not { } layout)
        {
            return null;
        }
        Value rotated = editor.Add(op with { Layout = layout }, [moved.Inputs[0], node.Inputs[1], node.Inputs[2]], node.Sources);
        return editor.Add(transpose, [rotated], moved.Sources);
    }

    private static Value? OperandLayouts(Attention op, Node node, GraphEditor editor)
    {
        List<Value> inputs = [.. node.Inputs];
        HeadLayout[] layouts = [op.Query, op.Key, op.Value];
        bool changed = false;
        for (int i = 0; i < layouts.Length; i++)
        {
            if (Match.Node(inputs[i], out Node moved, out Transpose transpose)
                && HeadOperand.Layout(HeadOperand.BeforeTranspose(transpose, layouts[i].ToString()), keysMayBeTransposed: i == 1) is { } layout)
            {
                (inputs[i], layouts[i], changed) = (moved.Inputs[0], layout, true);
            }
        }
        return changed ? editor.Add(op with { Query = layouts[0], Key = layouts[1], Value = layouts[2] }, inputs) : null;
    }

    /// <summary>A transpose that brings sequence before heads becomes the layout of attention's result.</summary>
    private static Value? ResultLayout(Transpose op, Node node, GraphEditor editor)
    {
        if (!Match.Node(node.Inputs[0], out Node producer, out Attention attention) || attention.Result != HeadLayout.BHSD || editor.Uses(node.Inputs[0]) != 1
            || op.Permutation[3] != 3 || op.Permutation[2] != 1)
        {
            return null;
        }
        // [0, 2, 1, 3] is all of it; after [2, 0, 1, 3] the first two dimensions are still to be exchanged.
        Value result = editor.Add(attention with { Result = HeadLayout.BSHD }, producer.Inputs, producer.Sources);
        return op.Permutation[0] == 0 ? result : editor.Add(new Transpose([1, 0, 2, 3]), [result], node.Sources);
    }

    /// <summary>
    /// transpose(reshape(x)) = reshape(transpose(x)) where x comes from attention and the reshape merges batch and heads:
    /// the transpose can become attention's layout then.
    /// </summary>
    private static Value? PastMerge(Transpose op, Node node, GraphEditor editor)
    {
        if (!Match.Node(node.Inputs[0], out Node merge, out Reshape _) || merge.Inputs[0].Producer is not { Op: Attention }
            || merge.Inputs[0].Type.Shape.Last != merge.Output.Type.Shape.Last
            || Groups(merge.Inputs[0].Type.Shape, merge.Output.Type.Shape) is not { } groups)
        {
            return null;
        }
        EquatableArray<long> permutation = op.Permutation.SelectMany(axis => groups[(int)axis].Select(i => (long)i)).ToEquatableArray();
        Value moved = editor.Add(new Transpose(permutation), [merge.Inputs[0]], node.Sources);
        return editor.Add(new Reshape(node.Output.Type.Shape), [moved], merge.Sources);
    }

    /// <summary>The dimensions of <paramref name="from"/> that each of <paramref name="to"/> consists of; null unless each has one or more and none is a 1.</summary>
    private static List<int[]>? Groups(EquatableArray<DimExpr> from, EquatableArray<DimExpr> to)
    {
        var groups = new List<int[]>();
        int at = 0;
        foreach (DimExpr extent in to)
        {
            int first = at;
            DimExpr product = at < from.Count ? from[at++] : DimExpr.Zero;
            while (product != extent && at < from.Count)
            {
                product *= from[at++];
            }
            if (product != extent)
            {
                return null;
            }
            groups.Add([.. Enumerable.Range(first, at - first)]);
        }
        return at == from.Count && from.Count > to.Count && !from.Any(d => d.Is(1)) ? groups : null;
    }

    /// <summary>reshape(transpose(x)) where the transpose keeps heads and width together at the end and the reshape merges them: merge first.</summary>
    private static Value? MergeBeforeTranspose(Node node, GraphEditor editor)
    {
        if (!Match.Node(node.Inputs[0], out Node moved, out Transpose transpose) || transpose.Permutation.Count < 3)
        {
            return null;
        }
        Value x = moved.Inputs[0];
        int rank = x.Type.Rank, last = rank - 1;
        if (transpose.Permutation[last] != last || transpose.Permutation[last - 1] != last - 1 || x.Type.Shape[last] * x.Type.Shape[last - 1] != node.Output.Type.Shape.Last || x.Type.Shape[last - 1].Is(1))
        {
            return null;
        }
        EquatableArray<DimExpr> merged = [.. Match.Leading(x.Type.Shape, 2), node.Output.Type.Shape.Last];
        Value rows = editor.Add(new Reshape(merged), [x], node.Sources);
        Value reordered = editor.Add(new Transpose(transpose.Permutation.Take(last).ToEquatableArray()), [rows], moved.Sources);
        return editor.Add(new Reshape(node.Output.Type.Shape), [reordered], node.Sources);
    }
}
