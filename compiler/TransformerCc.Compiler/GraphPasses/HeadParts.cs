using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// The two members of the pairs that rotation works on, as exporters cut them out of the last dimension (width R) of x:
/// even and odd elements (interleaved) or first and second half.
/// </summary>
internal static class HeadParts
{
    /// <param name="X">What the part was cut from: the heads, or with <paramref name="IsPairs"/> the heads as [..., R/2, 2].</param>
    /// <param name="Second">False: the p of a pair (p, q); true: the q.</param>
    public readonly record struct Part(Value X, RopeKind Kind, bool Second, bool IsPairs = false)
    {
        /// <summary>x as [..., R].</summary>
        public Value Heads(GraphEditor editor)
        {
            if (!IsPairs)
            {
                return X;
            }
            EquatableArray<DimExpr> shape = Flat(X.Type.Shape);
            return Match.Node(X, out Node split, out Reshape _) && split.Inputs[0].Type.Shape == shape ? split.Inputs[0] : editor.Add(new Reshape(shape), [X]);
        }
    }

    /// <summary>What part of which value this is, or null.</summary>
    public static Part? Of(Value value)
    {
        // Elements of [..., R/2, 2] without their last dimension of one element.
        if (Match.Node(value, out Node squeeze, out Reshape _) && Match.Node(squeeze.Inputs[0], out Node cut, out Slice pair)
            && cut.Inputs[0] is { Type.Shape: { Count: > 1, Last: var two } pairs } && two.Is(2) && value.Type.Shape == Match.Leading(pairs, 1)
            && LastAxis(pair, cut.Inputs[0], out DimExpr at, out DimExpr one, out _) && one.Is(1) && at.ConstantValue is 0 or 1)
        {
            return new Part(cut.Inputs[0], RopeKind.Interleaved, at.Is(1), IsPairs: true);
        }
        if (!Match.Node(value, out Node node, out Slice slice) || !LastAxis(slice, node.Inputs[0], out DimExpr start, out DimExpr size, out long step))
        {
            return null;
        }
        Value x = node.Inputs[0];
        if (x.Type.Shape.Last.ConstantValue is not { } width || width % 2 != 0 || !size.Is(width / 2))
        {
            return null;
        }
        return step switch
        {
            2 when start.ConstantValue is 0 or 1 => new Part(x, RopeKind.Interleaved, start.Is(1)),
            1 when start.Is(0) || start.Is(width / 2) => new Part(x, RopeKind.Half, start.Is(width / 2)),
            _ => null,
        };
    }

    /// <summary>The p and q that a value joins into pairs again; <paramref name="heads"/> is the shape [..., R] of the joined pairs.</summary>
    public static bool Joined(Value value, out RopeKind kind, out Value p, out Value q, out EquatableArray<DimExpr> heads)
    {
        kind = RopeKind.Half;
        p = q = value;
        heads = value.Type.Shape;
        if (Match.Node(value, out Node halves, out Concat concat) && halves.Inputs.Count == 2 && concat.Axis == value.Type.Rank - 1)
        {
            (p, q) = (halves.Inputs[0], halves.Inputs[1]);
            return p.Type == q.Type;
        }
        kind = RopeKind.Interleaved;
        if (!Match.Node(value, out Node flat, out Reshape _) || !Match.Node(flat.Inputs[0], out Node stack, out Concat pairs) || stack.Inputs.Count != 2
            || pairs.Axis != stack.Output.Type.Rank - 1 || !stack.Output.Type.Shape.Last.Is(2)
            || !Match.Node(stack.Inputs[0], out Node first, out Reshape _) || !Match.Node(stack.Inputs[1], out Node second, out Reshape _))
        {
            return false;
        }
        (p, q) = (first.Inputs[0], second.Inputs[0]);
        heads = Flat(stack.Output.Type.Shape);
        return p.Type == q.Type && p.Type.Shape == Match.Leading(stack.Output.Type.Shape, 1);
    }

    /// <summary>Whether a slice takes everything but in the last dimension.</summary>
    public static bool LastAxis(Slice slice, Value x, out DimExpr start, out DimExpr size, out long step)
    {
        int last = x.Type.Rank - 1;
        (start, size, step) = (slice.Starts[last], slice.Sizes[last], slice.Steps[last]);
        for (int d = 0; d < last; d++)
        {
            if (slice.Sizes[d] != x.Type.Shape[d] || slice.Steps[d] != 1)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>[..., R] of [..., R/2, 2].</summary>
    private static EquatableArray<DimExpr> Flat(EquatableArray<DimExpr> pairs) => [.. Match.Leading(pairs, 2), pairs[pairs.Count - 2] * 2];
}
