using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Cosine and sine tables of rotate-half models are as wide as the heads, with each angle twice. Where that can be
/// proved, this gives the table of the first half: the proof follows the table to a constant with equal halves or to a
/// concatenation of one value with itself.
/// </summary>
internal static class HalfTables
{
    /// <summary>Between a table and its use stand a few slices, reshapes and casts; hostile graphs may be deeper.</summary>
    private const int Depth = 12;

    /// <summary>The first half along the last dimension, or null where the halves are not known to be equal.</summary>
    public static Value? FirstHalf(Value table, GraphEditor editor, int depth = Depth)
    {
        if (depth == 0 || table.Type.Rank == 0 || table.Type.Shape.Last.ConstantValue is not { } width || width % 2 != 0)
        {
            return null;
        }
        if (table.ConstantData is { IsLong: false } data)
        {
            return OfConstant(data, width, table.Name, editor);
        }
        if (table.Producer is not { } node)
        {
            return null;
        }
        switch (node.Op)
        {
            case Concat op when op.Axis == table.Type.Rank - 1 && node.Inputs is [var a, var b] && a == b:
                return a;
            case Unary or Cast:
                return Rebuild(node.Op);
            case Binary op when Match.Scaled(table, out Value x, out _):
                int at = node.Inputs.IndexOf(x);
                return FirstHalf(x, editor, depth - 1) is { } narrow ? editor.Add(op, at == 0 ? [narrow, node.Inputs[1]] : [node.Inputs[0], narrow]) : null;
            case Slice op when HeadSlice(op, node.Inputs[0]):
                return Rebuild(op with { Sizes = Halved(op.Sizes, width) });
            case Reshape op when node.Inputs[0].Type.Rank > 0 && node.Inputs[0].Type.Shape.Last.Is(width):
                return Rebuild(op with { Shape = Halved(op.Shape, width) });
            case Broadcast op when node.Inputs[0].Type.Rank > 0 && node.Inputs[0].Type.Shape.Last.Is(width):
                return Rebuild(op with { Shape = Halved(op.Shape, width) });
            case Transpose op when op.Permutation.Last == op.Permutation.Count - 1:
                return Rebuild(op);
            case Gather op when op.Axis < node.Inputs[0].Type.Rank - 1:
                return FirstHalf(node.Inputs[0], editor, depth - 1) is { } rows ? editor.Add(op, [rows, node.Inputs[1]]) : null;
            default:
                return null;
        }

        Value? Rebuild(Operator op) => FirstHalf(node.Inputs[0], editor, depth - 1) is { } half ? editor.Add(op, [half]) : null;
    }

    private static EquatableArray<DimExpr> Halved(EquatableArray<DimExpr> shape, long width) => [.. Match.Leading(shape, 1), width / 2];

    /// <summary>Whether a slice keeps the whole last dimension.</summary>
    private static bool HeadSlice(Slice op, Value x) => op.Sizes.Last == x.Type.Shape.Last && op.Steps.Last == 1;

    private static Value? OfConstant(Tensor data, long width, string name, GraphEditor editor)
    {
        int row = checked((int)(width * data.Type.Size())), half = row / 2;
        ReadOnlySpan<byte> bytes = data.Data.Span;
        var first = new byte[bytes.Length / 2];
        for (int start = 0; start < bytes.Length; start += row)
        {
            if (!bytes.Slice(start, half).SequenceEqual(bytes.Slice(start + half, half)))
            {
                return null;
            }
            bytes.Slice(start, half).CopyTo(first.AsSpan(start / 2));
        }
        return editor.Constant(new Tensor(data.Type, [.. data.Shape[..^1], width / 2], first), name);
    }
}
