using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Rotary position embedding of a tensor of heads. Three spellings: pairs cut out, rotated and joined again
/// (interleaved or halves), x·cos + rotate_half(x)·sin with tables of full width, and either of them on the leading
/// part of each head only.
/// </summary>
public sealed class RecognizeRope : RewritePass
{
    private const int HeadRank = 4;

    public override string Name => "recognize-rope";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        if (!node.Output.Type.Element.IsFloat())
        {
            return null;
        }
        return node.Op switch
        {
            Concat => Pairwise(node.Output, editor) ?? Partial(node, editor),
            Reshape => Pairwise(node.Output, editor),
            Binary { Function: BinaryOp.Add } => RotateHalf(node, editor),
            _ => null,
        };
    }

    /// <summary>join(p·cos − q·sin, q·cos + p·sin).</summary>
    private static Value? Pairwise(Value value, GraphEditor editor)
    {
        if (!HeadParts.Joined(value, out RopeKind kind, out Value first, out Value second, out EquatableArray<DimExpr> heads)
            || !Match.Binary(first, BinaryOp.Sub, out Value pCos, out Value qSin) || !Match.Binary(second, BinaryOp.Add, out Value left, out Value right))
        {
            return null;
        }
        foreach ((Value p, Value cos) in Operands(pCos))
        {
            foreach ((Value q, Value sin) in Operands(qSin))
            {
                if (HeadParts.Of(p) is { Second: false } partP && HeadParts.Of(q) is { Second: true } partQ && partP.Kind == kind && partQ.Kind == kind && partP.X == partQ.X && partP.IsPairs == partQ.IsPairs
                    && ((IsProduct(left, p, sin) && IsProduct(right, q, cos)) || (IsProduct(right, p, sin) && IsProduct(left, q, cos))))
                {
                    Value? rotated = Build(kind, partP.Heads(editor), cos, sin, heads, editor);
                    return rotated is null || rotated.Type == value.Type ? rotated : editor.Add(new Reshape(value.Type.Shape), [rotated]);
                }
            }
        }
        return null;
    }

    /// <summary>x·cos + concat(−x₂, x₁)·sin.</summary>
    private static Value? RotateHalf(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2; i++)
        {
            foreach ((Value rotated, Value sin) in Operands(node.Inputs[1 - i]))
            {
                if (!HeadParts.Joined(rotated, out RopeKind kind, out Value negated, out Value first, out _) || kind != RopeKind.Half || !Match.Unary(negated, UnaryOp.Negate, out Value second)
                    || HeadParts.Of(second) is not { Kind: RopeKind.Half, Second: true, X: var x } || HeadParts.Of(first) is not { Kind: RopeKind.Half, Second: false } lower || lower.X != x)
                {
                    continue;
                }
                foreach ((Value multiplied, Value cos) in Operands(node.Inputs[i]))
                {
                    if (multiplied == x && HalfTables.FirstHalf(cos, editor) is { } halfCos && HalfTables.FirstHalf(sin, editor) is { } halfSin)
                    {
                        return Build(kind, x, halfCos, halfSin, node.Output.Type.Shape, editor);
                    }
                }
            }
        }
        return null;
    }

    /// <summary>concat(rope(x[..R]), x[R..]) = rope(x) with tables of R/2 columns.</summary>
    private static Value? Partial(Node node, GraphEditor editor)
    {
        if (node.Op is not Concat { Axis: HeadRank - 1 } || node.Inputs.Count != 2 || !Match.Node(node.Inputs[0], out Node rotated, out Rope rope)
            || !Match.Node(rotated.Inputs[0], out Node head, out Slice front) || !Match.Node(node.Inputs[1], out Node tail, out Slice back)
            || head.Inputs[0] != tail.Inputs[0] || head.Inputs[0].Type != node.Output.Type
            || !HeadParts.LastAxis(front, head.Inputs[0], out DimExpr start, out DimExpr size, out long step) || !start.Is(0) || step != 1
            || !HeadParts.LastAxis(back, head.Inputs[0], out DimExpr rest, out _, out step) || rest != size || step != 1)
        {
            return null;
        }
        return editor.Add(rope, [head.Inputs[0], rotated.Inputs[1], rotated.Inputs[2]]);
    }

    private static IEnumerable<(Value, Value)> Operands(Value product) =>
        Match.Binary(product, BinaryOp.Mul, out Value a, out Value b) ? [(a, b), (b, a)] : [];

    private static bool IsProduct(Value value, Value a, Value b) =>
        Match.Binary(value, BinaryOp.Mul, out Value x, out Value y) && ((x == a && y == b) || (x == b && y == a));

    /// <summary>The tables decide which dimension of x is the sequence: the one they vary along.</summary>
    private static Value? Build(RopeKind kind, Value x, Value cos, Value sin, EquatableArray<DimExpr> shapeOfResult, GraphEditor editor)
    {
        if (x.Type.Rank != HeadRank || x.Type.Shape != shapeOfResult || cos.Type != sin.Type || cos.Type.Rank > HeadRank || cos.Type.Element != x.Type.Element)
        {
            return null;
        }
        DimExpr half = x.Type.Shape.Last.ConstantValue is { } width && width % 2 == 0 ? width / 2 : DimExpr.Zero;
        DimExpr[] table = [.. Enumerable.Repeat(DimExpr.One, HeadRank - cos.Type.Rank), .. cos.Type.Shape];
        HeadLayout layout = table[2].Is(1) ? HeadLayout.BSHD : HeadLayout.BHSD;
        HeadAxes axes = layout.Axes();
        if (!table[axes.Head].Is(1) || table[3] != half || !Broadcasting.StretchesTo(table.ToEquatableArray(), [.. Match.Leading(x.Type.Shape, 1), half]))
        {
            return null;
        }
        DimExpr[] shape = table[axes.Batch].Is(1) ? [table[axes.Sequence], table[3]] : [table[axes.Batch], table[axes.Sequence], table[3]];
        return editor.Add(new Rope(kind, layout), [x, Shaped(cos), Shaped(sin)]);

        Value Shaped(Value value) => value.Type.Shape.SequenceEqual(shape) ? value : editor.Add(new Reshape(shape.ToEquatableArray()), [value]);
    }
}
