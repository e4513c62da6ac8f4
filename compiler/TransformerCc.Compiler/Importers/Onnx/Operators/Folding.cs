using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Shape arithmetic element by element, for the Fold member of operators.</summary>
internal static class Folding
{
    public static Func<NodeContext, int, Contents?> Map(Func<NodeContext, ElementType, Exact, Exact?> function) =>
        (node, _) => node.Contents(0) is { } x ? x.Map(x.Type, e => function(node, x.Type, e)) : null;

    public static Func<NodeContext, int, Contents?> Zip(Func<NodeContext, ElementType, Exact, Exact, Exact?> function, bool givesBool = false) =>
        (node, _) =>
        {
            Contents? result = node.InputCount == 0 ? null : node.Contents(0);
            for (int i = 1; i < node.InputCount && result is not null; i++)
            {
                result = Zip(result, node.Contents(i), givesBool, (type, a, b) => function(node, type, a, b));
            }
            return result;
        };

    /// <summary>A comparison that is certain for all sizes of the dimensions, or unknown.</summary>
    public static Func<NodeContext, int, Contents?> Compare(Func<ExactArithmetic, Exact, Exact, bool?> function) =>
        Zip((node, _, a, b) => function(node.Exact, a, b) is { } known ? Exact.Of(known) : null, givesBool: true);

    public static Contents? Zip(Contents a, Contents? b, bool givesBool, Func<ElementType, Exact, Exact, Exact?> function)
    {
        if (b is null || Common(a.Shape, b.Shape) is not { } shape || a.Broadcast(shape) is not { } x || b.Broadcast(shape) is not { } y)
        {
            return null;
        }
        Exact?[] elements = [.. x.Elements.Zip(y.Elements, (p, q) => p is { } u && q is { } v ? function(a.Type, u, v) : null)];
        return new Contents(givesBool ? ElementType.Bool : a.Type, shape, elements);
    }

    /// <summary>The broadcast of two constant shapes; null when there is none.</summary>
    public static long[]? Common(IReadOnlyList<long> a, IReadOnlyList<long> b)
    {
        var result = new long[int.Max(a.Count, b.Count)];
        for (int i = 1; i <= result.Length; i++)
        {
            long x = i <= a.Count ? a[^i] : 1, y = i <= b.Count ? b[^i] : 1;
            if (x != y && x != 1 && y != 1)
            {
                return null;
            }
            result[^i] = x == 1 ? y : x;
        }
        return result;
    }
}
