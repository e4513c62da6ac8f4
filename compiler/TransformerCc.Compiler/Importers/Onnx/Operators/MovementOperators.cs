using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Symbolic;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Other shapes and orders of the same elements.</summary>
internal static class MovementOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Reshape", [From(5, "data", "shape"), From(14, "data", "shape").OneIsYes("allowzero")], n => n.Return(n.Reshape(n.Value(0), ReshapeTarget(n)))) { Fold = FoldShape(ReshapeTarget) },
        new("Flatten", From(1, "input").Int("axis"), n => n.Return(n.Reshape(n.Value(0), FlattenTarget(n)))) { Fold = FoldShape(FlattenTarget) },
        new("Squeeze", [From(1, "data").Ints("axes"), From(13, "data", "axes?")], n => n.Return(n.Reshape(n.Value(0), SqueezeTarget(n)))) { Fold = FoldShape(SqueezeTarget) },
        new("Unsqueeze", [From(1, "data").Ints("axes").Required("axes"), From(13, "data", "axes")], n => n.Return(n.Reshape(n.Value(0), UnsqueezeTarget(n)))) { Fold = FoldShape(UnsqueezeTarget) },
        new("Transpose", From(1, "data").Ints("perm"), n => n.Return(n.Emit(new Transpose(Permutation(n).ToEquatableArray()), n.Value(0)))) { Fold = FoldTranspose },
        new("Expand", From(8, "input", "shape"), n => n.Return(n.Broadcast(n.Value(0), ExpandTarget(n)))) { Fold = FoldExpand },
        new("Tile", From(6, "input", "repeats"), Tile),
        new("Concat", From(4, "inputs*").Int("axis").Required("axis"), n => n.Return(n.InputCount == 1 ? n.Value(0)
            : n.Emit(new Concat(AxisRules.Normalize(n.Int("axis", 1), n.Rank(0))), [.. Enumerable.Range(0, n.InputCount).Select(n.Value)]))) { Fold = FoldConcat },
        new("Trilu", From(14, "input", "k?").ZeroIsNo("upper"), Triangle),
        new("Trilu", From(1, "X", "k?").ZeroIsNo("upper"), Triangle) { Domain = ContribOperators.Microsoft },
        new("DepthToSpace", [From(1, "input").Int("blocksize").Required("blocksize"), From(11, "input").Int("blocksize").Choice("mode", "DCR", "CRD").Required("blocksize")], n => DepthAndSpace(n, toSpace: true)),
        new("SpaceToDepth", From(1, "input").Int("blocksize").Required("blocksize"), n => DepthAndSpace(n, toSpace: false)),
    ];

    private static void Triangle(NodeContext n) => n.Return(n.Emit(new Trilu(n.Int("upper", 1) != 0, n.Optional(1) is null ? 0 : n.Integer(1, "the diagonal")), n.Value(0)));

    /// <summary>0 copies the input's dimension (unless allowzero), −1 takes what is left.</summary>
    private static DimExpr[] ReshapeTarget(NodeContext n)
    {
        DimExpr[] target = n.Dims(1, "the shape");
        EquatableArray<DimExpr> source = n.Shape(0);
        int open = -1;
        for (int i = 0; i < target.Length; i++)
        {
            if (target[i].Is(0) && n.Int("allowzero", 0) == 0)
            {
                target[i] = i < source.Count ? source[i] : throw ImportException.Invalid($"the shape copies dimension {i}, the input has {source.Count}");
            }
            else if (target[i].Is(-1))
            {
                open = open < 0 ? i : throw ImportException.Invalid("the shape has two dimensions of -1");
            }
        }
        if (open >= 0)
        {
            DimExpr rest = DimExpr.Product(target.Where((_, i) => i != open));
            target[open] = rest.Is(0) ? throw ImportException.Invalid("the shape has -1 beside a dimension of 0") : DimExpr.FloorDiv(DimExpr.Product(source), rest);
        }
        return target;
    }

    private static DimExpr[] FlattenTarget(NodeContext n)
    {
        EquatableArray<DimExpr> shape = n.Shape(0);
        long axis = n.Int("axis", 1);
        int split = axis == shape.Count ? shape.Count : AxisRules.Normalize(axis, shape.Count);
        return [DimExpr.Product(shape.Take(split)), DimExpr.Product(shape.Skip(split))];
    }

    private static DimExpr[] SqueezeTarget(NodeContext n)
    {
        EquatableArray<DimExpr> shape = n.Shape(0);
        if (n.IntsOrInput("axes", 1) is not { } axes)
        {
            return [.. shape.Where(d => !d.Is(1))];
        }
        long[] removed = AxisRules.Normalize(axes, shape.Count);
        foreach (long axis in removed)
        {
            if (!shape[(int)axis].Is(1))
            {
                throw new ImportException(ImportCodes.Shape, $"dimension {axis} of {shape} is {shape[(int)axis]}, only 1 can be removed",
                    shape[(int)axis].SymbolName is { } symbol ? $"--bind {symbol}=1" : null);
            }
        }
        return [.. shape.Where((_, i) => !removed.Contains(i))];
    }

    private static DimExpr[] UnsqueezeTarget(NodeContext n)
    {
        long[] given = n.IntsOrInput("axes", 1) ?? throw ImportException.Invalid("has no axes");
        EquatableArray<DimExpr> shape = n.Shape(0);
        int rank = shape.Count + given.Length;
        long[] axes = AxisRules.Normalize(given, rank);
        if (axes.Length != given.Length)
        {
            throw ImportException.Invalid("an axis is given twice");
        }
        int next = 0;
        return [.. Enumerable.Range(0, rank).Select(i => axes.Contains(i) ? DimExpr.One : shape[next++])];
    }

    private static long[] Permutation(NodeContext n) => n.Ints("perm") ?? [.. Enumerable.Range(0, n.Rank(0)).Reverse().Select(i => (long)i)];

    /// <summary>Both ways: a dimension of 1 in the shape keeps the input's.</summary>
    private static DimExpr[] ExpandTarget(NodeContext n) => [.. Broadcasting.Shape(n.Shape(0), n.Dims(1, "the shape").ToEquatableArray())];

    /// <summary>[a, b] repeated [r, s] times is [1, a, 1, b] stretched to [r, a, s, b] and flattened.</summary>
    private static void Tile(NodeContext n)
    {
        DimExpr[] repeats = n.Dims(1, "the repeats");
        EquatableArray<DimExpr> shape = n.Shape(0);
        if (repeats.Length != shape.Count)
        {
            throw ImportException.Invalid($"{repeats.Length} repeats for {shape.Count} dimensions");
        }
        Value x = n.Reshape(n.Value(0), shape.SelectMany(d => new[] { DimExpr.One, d }));
        x = n.Broadcast(x, shape.SelectMany((d, i) => new[] { repeats[i], d }));
        n.Return(n.Reshape(x, shape.Select((d, i) => repeats[i] * d)));
    }

    /// <summary>Blocks of b×b pixels to and from channels: [B, C, H, W], DCR order of channels by default.</summary>
    private static void DepthAndSpace(NodeContext n, bool toSpace)
    {
        if (n.Rank(0) != 4)
        {
            throw ImportException.Invalid($"needs four dimensions, has {n.Rank(0)}");
        }
        DimExpr b = n.Int("blocksize", 1);
        (DimExpr batch, DimExpr c, DimExpr h, DimExpr w) = (n.Shape(0)[0], n.Shape(0)[1], n.Shape(0)[2], n.Shape(0)[3]);
        if (!toSpace)
        {
            (DimExpr rows, DimExpr columns) = (DimExpr.FloorDiv(h, b), DimExpr.FloorDiv(w, b));
            Value blocks = n.Transpose(n.Reshape(n.Value(0), [batch, c, rows, b, columns, b]), 0, 3, 5, 1, 2, 4);
            n.Return(n.Reshape(blocks, [batch, c * b * b, rows, columns]));
            return;
        }
        DimExpr depth = DimExpr.FloorDiv(c, b * b);
        Value pixels = n.Text("mode", "DCR") == "DCR"
            ? n.Transpose(n.Reshape(n.Value(0), [batch, b, b, depth, h, w]), 0, 3, 4, 1, 5, 2)
            : n.Transpose(n.Reshape(n.Value(0), [batch, depth, b, b, h, w]), 0, 1, 4, 2, 5, 3);
        n.Return(n.Reshape(pixels, [batch, depth, h * b, w * b]));
    }

    private static Func<NodeContext, int, Contents?> FoldShape(Func<NodeContext, DimExpr[]> target) => (n, _) =>
    {
        if (n.Contents(0) is not { } x)
        {
            return null;
        }
        DimExpr[] shape = target(n);
        return Array.TrueForAll(shape, d => d.IsConstant) && DimExpr.Product(shape).Is(x.Elements.Count) ? x.Reshape([.. shape.Select(d => d.ConstantValue!.Value)]) : null;
    };

    private static Contents? FoldTranspose(NodeContext n, int output)
    {
        long[] permutation = Permutation(n);
        return n.Contents(0) is { } x && permutation.Order().SequenceEqual(Enumerable.Range(0, x.Rank).Select(i => (long)i))
            ? x.Pick([.. permutation.Select(p => x.Shape[(int)p])], index =>
            {
                var source = new long[index.Length];
                for (int i = 0; i < index.Length; i++)
                {
                    source[permutation[i]] = index[i];
                }
                return source;
            })
            : null;
    }

    private static Contents? FoldExpand(NodeContext n, int output)
    {
        if (n.Contents(0) is not { } x || n.Contents(1) is not { IsConstant: true })
        {
            return null;
        }
        DimExpr[] target = ExpandTarget(n);
        return Array.TrueForAll(target, d => d.IsConstant) ? x.Broadcast([.. target.Select(d => d.ConstantValue!.Value)]) : null;
    }

    private static Contents? FoldConcat(NodeContext n, int output)
    {
        AxisRules.Normalize(n.Int("axis", 0), n.Rank(0));
        var parts = new List<Contents>();
        for (int i = 0; i < n.InputCount; i++)
        {
            if (n.Contents(i) is not { Rank: 1 } part)
            {
                return null;
            }
            parts.Add(part);
        }
        Exact?[] elements = [.. parts.SelectMany(p => p.Elements)];
        return parts.Count > 0 && elements.Length <= Contents.MaximumElements ? new Contents(parts[0].Type, [elements.Length], elements) : null;
    }
}
