using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>Batch and heads of one attention.</summary>
internal readonly record struct HeadFrame(DimExpr Batch, DimExpr Heads);

/// <summary>An operand of attention as a tensor of heads: its physical layout, a factor taken out of it, and how often each head is repeated.</summary>
/// <param name="Source">The value before heads were repeated; the same as <paramref name="Repeated"/> where they are not.</param>
internal readonly record struct HeadOperand(Value Repeated, HeadLayout RepeatedLayout, Value Source, HeadLayout SourceLayout, double Scale)
{
    private const int Depth = 12;

    /// <summary>
    /// Looks for the tensor of heads behind an operand of a matmul: through transposes, multiplications by a number and
    /// repeated heads (grouped-query attention).
    /// </summary>
    /// <param name="axes">Letters of the operand's dimensions: two or three of N (batch and heads together), S, D, or B, H, S, D.</param>
    public static HeadOperand Find(Value value, string axes, HeadFrame frame, bool keysMayBeTransposed, GraphEditor editor)
    {
        double scale = 1;
        Through(ref value, ref axes, ref scale);
        if (axes.Length < 4)
        {
            (value, axes) = Lift(value, axes, frame, editor);
            Through(ref value, ref axes, ref scale);
        }
        if (Layout(axes, keysMayBeTransposed) is not { } layout)
        {
            int[] order = [.. "BHSD".Select(c => axes.IndexOf(c, StringComparison.Ordinal))];
            value = editor.Add(new Transpose(order.Select(i => (long)i).ToEquatableArray()), [value]);
            return new HeadOperand(value, HeadLayout.BHSD, value, HeadLayout.BHSD, scale);
        }
        (Value repeated, HeadLayout repeatedLayout) = (value, layout);
        if (Unrepeated(value, layout, editor) is { } source)
        {
            double between = 1;
            Through(ref source, ref axes, ref between);
            if (Layout(axes, keysMayBeTransposed) is { } sourceLayout && between == 1)
            {
                return new HeadOperand(repeated, repeatedLayout, source, sourceLayout, scale);
            }
        }
        return new HeadOperand(repeated, repeatedLayout, repeated, repeatedLayout, scale);
    }

    public static HeadLayout? Layout(string axes, bool keysMayBeTransposed) => axes switch
    {
        "BHSD" => HeadLayout.BHSD,
        "BSHD" => HeadLayout.BSHD,
        "BHDS" when keysMayBeTransposed => HeadLayout.BHDS,
        _ => null,
    };

    /// <summary>The letters of a transpose's operand, from those of its result.</summary>
    public static string BeforeTranspose(Transpose op, string axes)
    {
        var before = new char[axes.Length];
        for (int i = 0; i < axes.Length; i++)
        {
            before[op.Permutation[i]] = axes[i];
        }
        return new string(before);
    }

    private static void Through(ref Value value, ref string axes, ref double scale)
    {
        for (int i = 0; i < Depth; i++)
        {
            if (Match.Scaled(value, out Value x, out double factor))
            {
                scale *= factor;
                value = x;
            }
            else if (Match.Node(value, out Node node, out Transpose transpose))
            {
                axes = BeforeTranspose(transpose, axes);
                value = node.Inputs[0];
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>The operand with batch and heads as dimensions of their own.</summary>
    private static (Value, string) Lift(Value value, string axes, HeadFrame frame, GraphEditor editor)
    {
        if (axes.Length == 3 && SequenceFirst(value, axes, frame) is { } model)
        {
            // [S, B·H, D] made from [S, B, H·D]: batch first, the heads are a view.
            Value batchFirst = editor.Add(new Transpose([1, 0, 2]), [model]);
            EquatableArray<DimExpr> heads = [frame.Batch, value.Type.Shape[0], frame.Heads, value.Type.Shape[2]];
            return (editor.Add(new Reshape(heads), [batchFirst]), "BSHD");
        }
        if (axes.Length == 3 && axes[0] != 'N')
        {
            long[] order = [.. "NSD".Select(c => (long)axes.IndexOf(c, StringComparison.Ordinal))];
            (value, axes) = (editor.Add(new Transpose(order.ToEquatableArray()), [value]), "NSD");
        }
        DimExpr rows = value.Type.Shape[value.Type.Rank - 2], columns = value.Type.Shape.Last;
        bool single = frame.Heads.Is(1) && axes.EndsWith("SD", StringComparison.Ordinal);
        EquatableArray<DimExpr> shape = single ? [frame.Batch, rows, frame.Heads, columns] : [frame.Batch, frame.Heads, rows, columns];
        return (editor.Add(new Reshape(shape), [value]), single ? "BSHD" : "BH" + axes[^2..]);
    }

    /// <summary>The [S, B, H·D] that an operand [S, B·H, D] is a view of.</summary>
    public static Value? SequenceFirst(Value value, string axes, HeadFrame frame) =>
        axes == "SND" && Match.Node(value, out Node view, out Reshape _) && view.Inputs[0].Type is { Rank: 3 } model
        && model.Shape[0] == value.Type.Shape[0] && model.Shape[1] == frame.Batch && model.Shape[2] == frame.Heads * value.Type.Shape[2]
            ? view.Inputs[0] : null;

    /// <summary>x of reshape(broadcast(reshape(x))) where each head is repeated in place, or of a broadcast of one head.</summary>
    private static Value? Unrepeated(Value value, HeadLayout layout, GraphEditor editor)
    {
        int head = layout.Axes().Head;
        EquatableArray<DimExpr> shape = value.Type.Shape;
        if (Match.Node(value, out Node stretched, out Broadcast _) && stretched.Inputs[0].Type.Rank == 4)
        {
            Value one = stretched.Inputs[0];
            return one.Type.Shape[head].Is(1) && Without(shape, head).SequenceEqual(Without(one.Type.Shape, head)) ? one : null;
        }
        if (!Match.Node(value, out Node merge, out Reshape _) || !Match.Node(merge.Inputs[0], out Node repeat, out Broadcast _) || repeat.Output.Type.Rank != 5 || repeat.Inputs[0].Type.Rank != 5)
        {
            return null;
        }
        EquatableArray<DimExpr> repeated = repeat.Output.Type.Shape, once = repeat.Inputs[0].Type.Shape, heads = Without(once, head + 1).ToEquatableArray();
        bool inPlace = once[head + 1].Is(1) && Without(repeated, head + 1).SequenceEqual(heads)
            && shape[head] == heads[head] * repeated[head + 1] && Without(shape, head).SequenceEqual(Without(heads, head));
        if (!inPlace)
        {
            return null;
        }
        return Match.Node(repeat.Inputs[0], out Node split, out Reshape _) && split.Inputs[0].Type.Shape == heads
            ? split.Inputs[0] : editor.Add(new Reshape(heads), [repeat.Inputs[0]]);
    }

    private static IEnumerable<DimExpr> Without(EquatableArray<DimExpr> shape, int axis) => shape.Where((_, i) => i != axis);
}
