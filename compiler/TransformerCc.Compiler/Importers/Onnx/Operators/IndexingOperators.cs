using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Symbolic;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Parts of tensors, chosen by positions.</summary>
internal static class IndexingOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Gather", From(1, "data", "indices").Int("axis"), Gather) { Fold = FoldGather },
        new("Slice", [From(1, "data").Ints("starts", "ends", "axes").Required("starts", "ends"), From(10, "data", "starts", "ends", "axes?", "steps?")], Slice) { Fold = FoldSlice },
        new("Split", [
                From(2, "input").Returns("outputs*").Int("axis").Ints("split"),
                From(13, "input", "split?").Returns("outputs*").Int("axis"),
                From(18, "input", "split?").Returns("outputs*").Int("axis", "num_outputs"),
            ], Split) { Fold = FoldSplit },
    ];

    private static void Gather(NodeContext n)
    {
        int axis = AxisRules.Normalize(n.Int("axis", 0), n.Rank(0));
        DimExpr extent = n.Shape(0)[axis];
        if (n.Contents(1) is { Rank: 0, Elements: [{ Constant: { } index }] })
        {
            // One known position is a slice; no table is read.
            DimExpr start = index < 0 ? extent + index : index;
            if (n.Dimensions.Bounds(start).Upper < 0 || n.Dimensions.Bounds(extent - start).Upper <= 0)
            {
                throw ImportException.Invalid($"position {index} of a dimension of {extent}");
            }
            Value slice = n.SliceAxis(n.Value(0), axis, start, 1);
            n.Return(n.Reshape(slice, slice.Type.Shape.Where((_, i) => i != axis)));
            return;
        }
        Value indices = n.Value(1);
        if (extent.ConstantValue is { } limit && Positions(indices) is { } last && n.Dimensions.Bounds(last).Upper >= limit)
        {
            n.Dimensions.Tighten(last, limit - 1, n.Location, $"a table of {limit} entries is read at positions up to {last}");
        }
        n.Return(n.Emit(new Gather(axis), n.Value(0), indices));
    }

    /// <summary>The largest of positions that count upwards, seen through changes of shape and type; null for other values.</summary>
    private static DimExpr? Positions(Value value)
    {
        while (value.Producer is { Op: Reshape or Broadcast or Cast } node)
        {
            value = node.Inputs[0];
        }
        return value.Producer is { Op: Iota { Step: > 0 } iota } ? iota.Start + ((iota.Shape[iota.Axis] - 1) * iota.Step) : null;
    }

    private static Contents? FoldGather(NodeContext n, int output)
    {
        if (n.Contents(0) is not { Rank: > 0 } data || n.Contents(1) is not { IsConstant: true } indices)
        {
            return null;
        }
        int axis = AxisRules.Normalize(n.Int("axis", 0), data.Rank);
        long extent = data.Shape[axis];
        long[] at = [.. indices.Elements.Select(e => e!.Value.Constant ?? extent).Select(i => i < 0 ? i + extent : i)];
        if (Array.Exists(at, i => i < 0 || i >= extent))
        {
            return null;
        }
        long[] shape = [.. data.Shape.Take(axis), .. indices.Shape, .. data.Shape.Skip(axis + 1)];
        return data.Pick(shape, index =>
        {
            long position = 0;
            for (int i = 0; i < indices.Rank; i++)
            {
                position = (position * indices.Shape[i]) + index[axis + i];
            }
            return [.. index.Take(axis), at[position], .. index.Skip(axis + indices.Rank)];
        });
    }

    /// <summary>A step beyond every length picks one element, as any other such step does.</summary>
    private static long Reachable(long step) => long.Clamp(step, -int.MaxValue, int.MaxValue);

    private static void Slice(NodeContext n)
    {
        (DimExpr[] starts, DimExpr[] sizes, long[] steps) = Bounds(n);
        Value x = n.Value(0);
        bool isWhole = Array.TrueForAll(starts, s => s.Is(0)) && Array.TrueForAll(steps, s => s == 1) && sizes.SequenceEqual(x.Type.Shape);
        n.Return(isWhole ? x : n.Emit(new Slice(starts.ToEquatableArray(), sizes.ToEquatableArray(), steps.Select(Reachable).ToEquatableArray()), x));
    }

    private static Contents? FoldSlice(NodeContext n, int output)
    {
        if (n.Contents(0) is not { } data)
        {
            return null;
        }
        (DimExpr[] starts, DimExpr[] sizes, long[] steps) = Bounds(n);
        if (!starts.Concat(sizes).All(e => e.IsConstant))
        {
            return null;
        }
        long[] from = [.. starts.Select(s => s.ConstantValue!.Value)];
        return data.Pick([.. sizes.Select(s => s.ConstantValue!.Value)], index => [.. index.Select((v, i) => from[i] + (v * steps[i]))]);
    }

    /// <summary>Starts, ends and axes are attributes before operator set 10; steps came with the inputs.</summary>
    private static (DimExpr[] Starts, DimExpr[] Sizes, long[] Steps) Bounds(NodeContext n)
    {
        DimExpr[] Given(string name, int input) => n.Ints(name) is { } attribute ? [.. attribute.Select(DimExpr.Constant)] : n.Dims(input, $"the {name}");
        DimExpr[] from = Given("starts", 1), to = Given("ends", 2);
        EquatableArray<DimExpr> shape = n.Shape(0);
        long[] axes = n.IntsOrInput("axes", 3) ?? [.. Enumerable.Range(0, from.Length).Select(i => (long)i)];
        long[] steps = n.Optional(4) is null ? [.. from.Select(_ => 1L)] : n.Integers(4, "the steps");
        if (to.Length != from.Length || axes.Length != from.Length || steps.Length != from.Length)
        {
            throw ImportException.Invalid($"{from.Length} starts, {to.Length} ends, {axes.Length} axes and {steps.Length} steps");
        }
        var starts = shape.Select(_ => DimExpr.Zero).ToArray();
        var sizes = shape.ToArray();
        var strides = shape.Select(_ => 1L).ToArray();
        bool isTable = n.Input(0) is { DataSources.Count: 0, Contents: null or { IsConstant: true } };
        var rules = new SliceRules(n.Dimensions, n.Location);
        for (int i = 0; i < from.Length; i++)
        {
            int axis = AxisRules.Normalize(axes[i], shape.Count);
            (starts[axis], sizes[axis]) = rules.Resolve(from[i], to[i], steps[i], shape[axis], isTable);
            strides[axis] = steps[i];
        }
        return (starts, sizes, strides);
    }

    private static void Split(NodeContext n)
    {
        int axis = AxisRules.Normalize(n.Int("axis", 0), n.Rank(0));
        DimExpr start = DimExpr.Zero;
        DimExpr[] sizes = SplitSizes(n, axis);
        for (int i = 0; i < n.OutputCount; i++)
        {
            n.Return(n.SliceAxis(n.Value(0), axis, start, sizes[i]), i);
            start += sizes[i];
        }
    }

    private static Contents? FoldSplit(NodeContext n, int output)
    {
        if (n.Contents(0) is not { Rank: 1 } data || SplitSizes(n, 0) is not { } sizes || !Array.TrueForAll(sizes, s => s.IsConstant))
        {
            return null;
        }
        long start = sizes.Take(output).Sum(s => s.ConstantValue!.Value);
        return data.Pick([sizes[output].ConstantValue!.Value], index => [start + index[0]]);
    }

    /// <summary>The operator set since which parts of one size are asked for by num_outputs, and not by leaving the sizes out.</summary>
    private const long SplitByCount = 18;

    /// <summary>Given as an attribute before operator set 13, as an input since, or by the number of outputs (the last may be smaller).</summary>
    private static DimExpr[] SplitSizes(NodeContext n, int axis)
    {
        DimExpr extent = n.Shape(0)[axis];
        DimExpr[]? sizes = n.Ints("split") is { } attribute ? [.. attribute.Select(DimExpr.Constant)] : n.Optional(1) is not null ? n.Dims(1, "the sizes") : null;
        bool hasCount = n.OptionalInt("num_outputs") is not null;
        if (n.Opset >= SplitByCount && hasCount == sizes is not null)
        {
            throw ImportException.Invalid($"{(hasCount ? "both" : "neither")} of the sizes and num_outputs {(hasCount ? "are" : "is")} given: one of the two is needed",
                "export the model again with one of the two");
        }
        if (sizes is null)
        {
            long parts = n.Int("num_outputs", n.OutputCount);
            if (parts != n.OutputCount)
            {
                throw ImportException.Invalid($"num_outputs is {parts}, the node has {n.OutputCount}");
            }
            DimExpr part = DimExpr.CeilDiv(extent, parts);
            // An extent that the parts divide has an equal last part too, and then no rounding stays in the expressions.
            DimExpr even = DimExpr.FloorDiv(extent, parts);
            part = even * parts == extent ? even : part;
            sizes = [.. Enumerable.Repeat(part, (int)parts - 1), extent - (part * (parts - 1))];
        }
        DimExpr sum = sizes.Aggregate(DimExpr.Zero, (a, b) => a + b);
        if (sizes.Length != n.OutputCount || sum != extent || Array.Exists(sizes, s => n.Dimensions.Bounds(s).Lower < 0))
        {
            throw new ImportException(ImportCodes.Shape, $"sizes [{string.Join(", ", (object[])sizes)}] for {n.OutputCount} outputs do not provably fill a dimension of {extent}");
        }
        return sizes;
    }
}
