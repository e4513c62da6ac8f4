using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Identities of data movement: chains of reshapes, transposes, broadcasts and slices become one each, and those that
/// move nothing disappear. Nothing passes an operator that computes.
/// </summary>
public sealed class SimplifyLayout : RewritePass
{
    public override string Name => "simplify-layout";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        if (node.Inputs.Count == 0)
        {
            return null;
        }
        Value x = node.Inputs[0];
        if (node.Op is Reshape or Broadcast && x.Type == node.Output.Type)
        {
            return x;
        }
        return node.Op switch
        {
            Reshape => SimplifyReshape(node, x, editor),
            Transpose op => SimplifyTranspose(op, node, x, editor),
            Broadcast when Match.Node(x, out Node inner, out Broadcast _) => editor.Add(node.Op, [inner.Inputs[0]]),
            Slice op => SimplifySlice(op, x, editor),
            Concat when node.Inputs.Count == 1 => x,
            _ => null,
        };
    }

    private static Value? SimplifyReshape(Node node, Value x, GraphEditor editor)
    {
        EquatableArray<DimExpr> shape = node.Output.Type.Shape;
        if (Match.Node(x, out Node inner, out Reshape _))
        {
            return editor.Add(new Reshape(shape), [inner.Inputs[0]]);
        }
        // Dropping or adding dimensions of one element commutes with a transpose.
        return Match.Node(x, out Node moved, out Transpose transpose) && ThroughTranspose(transpose, moved.Inputs[0], shape, editor) is { } result ? result : null;
    }

    /// <summary>reshape(transpose(x)) as transpose(reshape(x)), where the reshape only drops dimensions of one element.</summary>
    private static Value? ThroughTranspose(Transpose transpose, Value x, EquatableArray<DimExpr> shape, GraphEditor editor)
    {
        int[] keptOfResult = [.. Enumerable.Range(0, x.Type.Rank).Where(axis => !x.Type.Shape[(int)transpose.Permutation[axis]].Is(1))];
        if (shape.Count >= x.Type.Rank || !keptOfResult.Select(axis => x.Type.Shape[(int)transpose.Permutation[axis]]).SequenceEqual(shape))
        {
            return null;
        }
        long[] keptOfX = [.. keptOfResult.Select(axis => transpose.Permutation[axis]).Order()];
        Value narrow = editor.Add(new Reshape(keptOfX.Select(axis => x.Type.Shape[(int)axis]).ToEquatableArray()), [x]);
        return editor.Add(new Transpose(keptOfResult.Select(axis => (long)Array.IndexOf(keptOfX, transpose.Permutation[axis])).ToEquatableArray()), [narrow]);
    }

    private static Value? SimplifyTranspose(Transpose op, Node node, Value x, GraphEditor editor)
    {
        if (op.Permutation.SequenceEqual(Enumerable.Range(0, op.Permutation.Count).Select(i => (long)i)))
        {
            return x;
        }
        if (Match.Node(x, out Node inner, out Transpose first))
        {
            return editor.Add(new Transpose(op.Permutation.Select(axis => first.Permutation[(int)axis]).ToEquatableArray()), [inner.Inputs[0]]);
        }
        // The elements keep their order when the dimensions that have more than one keep theirs.
        long[] moved = [.. op.Permutation.Where(axis => !x.Type.Shape[(int)axis].Is(1))];
        return moved.SequenceEqual(moved.Order()) ? editor.Add(new Reshape(node.Output.Type.Shape), [x]) : null;
    }

    private static Value? SimplifySlice(Slice op, Value x, GraphEditor editor)
    {
        if (op.Sizes == x.Type.Shape && op.Steps.All(s => s == 1))
        {
            return x;
        }
        if (!Match.Node(x, out Node node, out Slice inner))
        {
            return null;
        }
        DimExpr[] starts = [.. op.Starts.Select((start, d) => inner.Starts[d] + (start * inner.Steps[d]))];
        return editor.Add(new Slice(starts.ToEquatableArray(), op.Sizes, op.Steps.Select((step, d) => checked(step * inner.Steps[d])).ToEquatableArray()), [node.Inputs[0]]);
    }
}
