using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;
using Scatter = TransformerCc.Compiler.GraphIR.Operators.Scatter;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Elements and rows whose positions are data. Data of any shape is seen as a table of rows; index arithmetic makes one row
/// number of the positions along several axes.
/// </summary>
internal static class PositionOperators
{
    private static readonly OperatorSignature s_scatter = From(9, "data", "indices", "updates").Int("axis");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("GatherElements", From(11, "data", "indices").Int("axis"), GatherElements),
        new("GatherND", [From(11, "data", "indices"), From(12, "data", "indices").Int("batch_dims")], GatherND),
        new("ScatterElements", [
                s_scatter with { Since = 11 },
                s_scatter.Choice("reduction", "none", "add", "mul") with { Since = 16 },
                s_scatter.Choice("reduction", "none", "add", "mul", "max", "min") with { Since = 18 },
            ], ScatterElements),
        new("Scatter", s_scatter with { Since = 9 }, ScatterElements) { MaximumOpset = 10 },
        new("ScatterND", [
                From(11, "data", "indices", "updates"),
                From(16, "data", "indices", "updates").Choice("reduction", "none", "add", "mul"),
                From(18, "data", "indices", "updates").Choice("reduction", "none", "add", "mul", "max", "min"),
            ], ScatterND),
        new("TensorScatter", From(24, "past_cache", "update", "write_indices?").Int("axis").Choice("mode", "linear", "circular"), TensorScatter),
        new("ReverseSequence", From(10, "input", "sequence_lens").Int("time_axis", "batch_axis"), ReverseSequence),
        new("OneHot", From(9, "indices", "depth", "values").Int("axis"), OneHot),
        new("TopK", [
                From(1, "X").Returns("Values", "Indices").Int("axis", "k").Required("k"),
                From(10, "X", "K").Returns("Values", "Indices").Int("axis"),
                From(11, "X", "K").Returns("Values", "Indices").Int("axis").OneIsYes("largest").Unused(AttributeKind.Int, "sorted", "the elements are sorted in any case"),
            ], TopK),
    ];

    private static void GatherElements(NodeContext n)
    {
        Value data = n.Value(0), indices = n.Value(1);
        n.Return(n.Emit(new Gather(0), Table(n, data, data.Type.Rank), Elements(n, data, indices)));
    }

    private static void ScatterElements(NodeContext n)
    {
        Value data = n.Value(0), indices = n.Value(1);
        Value table = n.Emit(new Scatter(Mode(n)), Table(n, data, data.Type.Rank), Elements(n, data, indices), n.Value(2));
        n.Return(n.Reshape(table, data.Type.Shape));
    }

    private static void GatherND(NodeContext n)
    {
        Value data = n.Value(0), indices = n.Value(1);
        int batch = checked((int)n.Int("batch_dims", 0)), depth = Depth(data, indices, batch);
        Value rows = n.Emit(new Gather(0), Table(n, data, depth), Tuples(n, data, indices, batch));
        n.Return(n.Reshape(rows, [.. indices.Type.Shape.Take(indices.Type.Rank - 1), .. data.Type.Shape.Skip(depth)]));
    }

    private static void ScatterND(NodeContext n)
    {
        Value data = n.Value(0), indices = n.Value(1);
        int depth = Depth(data, indices, batch: 0);
        Value table = Table(n, data, depth);
        Value updates = n.Reshape(n.Value(2), [.. indices.Type.Shape.Take(indices.Type.Rank - 1), .. table.Type.Shape.Skip(1)]);
        n.Return(n.Reshape(n.Emit(new Scatter(Mode(n)), table, Tuples(n, data, indices, batch: 0), updates), data.Type.Shape));
    }

    /// <summary>
    /// The append to a cache: update takes the positions along an axis from write_indices[batch] on, in a circle if so asked.
    /// </summary>
    private static void TensorScatter(NodeContext n)
    {
        Value cache = n.Value(0), update = n.Value(1);
        EquatableArray<DimExpr> shape = cache.Type.Shape;
        int axis = AxisRules.Normalize(n.Int("axis", -2), shape.Count);
        if (axis == 0)
        {
            throw ImportException.Invalid("axis 0 is the batch");
        }
        if (update.Type.Rank != shape.Count || update.Type.Shape.Where((d, i) => i != axis && d.IsConstant && shape[i].IsConstant && d != shape[i]).Any())
        {
            throw ImportException.Invalid($"the update {update.Type} differs from the cache {cache.Type} in a dimension other than {axis}", "correct the axis");
        }
        EquatableArray<DimExpr> leading = update.Type.Shape.Take(axis + 1).ToEquatableArray();
        Value position = Ramp(n, leading, axis);
        if (n.Optional(2) is not null)
        {
            Value start = n.Reshape(n.Cast(n.Value(2), ElementType.I64), [shape[0], .. Enumerable.Repeat(DimExpr.One, axis)]);
            position = n.Add(start, position);
        }
        if (n.Text("mode", "linear") == "circular")
        {
            position = n.Binary(BinaryOp.Mod, position, n.Length(shape[axis]));
        }
        Value rows = Flatten(n, shape.Take(axis + 1).ToEquatableArray(), [.. Enumerable.Range(0, axis).Select(d => Ramp(n, leading, d)), position]);
        Value table = Table(n, cache, axis + 1);
        Value updates = n.Reshape(update, [.. leading, .. table.Type.Shape.Skip(1)]);
        n.Return(n.Reshape(n.Emit(new Scatter(ScatterMode.Replace), table, n.Broadcast(rows, leading), updates), shape));
    }

    /// <summary>The first sequence_lens[b] positions of each sequence in reverse order; the others stay.</summary>
    private static void ReverseSequence(NodeContext n)
    {
        Value x = n.Value(0);
        int time = AxisRules.Normalize(n.Int("time_axis", 0), x.Type.Rank), batch = AxisRules.Normalize(n.Int("batch_axis", 1), x.Type.Rank);
        if (x.Type.Rank < 2 || time + batch != 1)
        {
            throw ImportException.Invalid($"time axis {time} and batch axis {batch} are not the first two");
        }
        EquatableArray<DimExpr> leading = x.Type.Shape.Take(2).ToEquatableArray();
        Value position = Ramp(n, leading, time), length = n.Reshape(n.Cast(n.Value(1), ElementType.I64), leading.Select((d, i) => i == batch ? d : DimExpr.One));
        Value mirrored = n.Subtract(n.Subtract(length, n.Scalar(ElementType.I64, 1)), position);
        Value source = n.Select(n.Binary(BinaryOp.Less, position, length), mirrored, position);
        Value rows = n.Broadcast(time == 0 ? Flatten(n, leading, [source, Ramp(n, leading, batch)]) : Flatten(n, leading, [Ramp(n, leading, batch), source]), leading);
        n.Return(n.Reshape(n.Emit(new Gather(0), Table(n, x, 2), rows), x.Type.Shape));
    }

    private static void OneHot(NodeContext n)
    {
        // The depth may have any numeric type; of floats only its value is known.
        DimExpr depth = n.Contents(1) is null && n.Scalar(1) is { } number ? DimExpr.Constant((long)number) : n.Dim(1, "the depth");
        Value indices = n.Cast(n.Value(0), ElementType.I64), values = n.Value(2);
        int axis = AxisRules.Normalize(n.Int("axis", -1), indices.Type.Rank + 1);
        Value column = n.Reshape(indices, [.. indices.Type.Shape.Take(axis), DimExpr.One, .. indices.Type.Shape.Skip(axis)]);
        Value classes = Ramp(n, column.Type.Shape.Select((d, i) => i == axis ? depth : d).ToEquatableArray(), axis);
        Value Choice(int i) => n.Reshape(n.SliceAxis(values, 0, i, 1), []);
        n.Return(n.Select(n.Binary(BinaryOp.Equal, FromEnd(n, column, depth), classes), Choice(1), Choice(0)));
    }

    /// <summary>The number of elements is an attribute before operator set 10.</summary>
    private static void TopK(NodeContext n)
    {
        Value x = n.Value(0);
        int rank = x.Type.Rank, axis = AxisRules.Normalize(n.Int("axis", -1), rank);
        DimExpr count = n.OptionalInt("k") is { } k ? DimExpr.Constant(k) : n.Dim(1, "the number of elements");
        long[] swap = [.. Enumerable.Range(0, rank).Select(i => (long)(i == axis ? rank - 1 : i == rank - 1 ? axis : i))];
        bool moves = axis != rank - 1;
        Node best = n.EmitNode(new TopK(count, n.Int("largest", 1) != 0), moves ? n.Transpose(x, swap) : x);
        for (int i = 0; i < n.OutputCount && i < 2; i++)
        {
            n.Return(moves ? n.Transpose(best.Outputs[i], swap) : best.Outputs[i], i);
        }
    }

    private static ScatterMode Mode(NodeContext n) => n.Text("reduction", "none") switch
    {
        "none" => ScatterMode.Replace,
        "add" => ScatterMode.Add,
        "mul" => ScatterMode.Multiply,
        "min" => ScatterMode.Min,
        "max" => ScatterMode.Max,
        string other => throw ImportException.Invalid($"reduction '{other}'"),
    };

    /// <summary>The number of leading axes of data that an index tuple and the batch fix.</summary>
    private static int Depth(Value data, Value indices, int batch)
    {
        if (indices.Type.Rank == 0 || indices.Type.Shape.Last.ConstantValue is not { } width)
        {
            throw ImportException.Invalid("the length of the index tuples, the last dimension of the indices, is not constant");
        }
        return batch >= 0 && batch < indices.Type.Rank && width + batch <= data.Type.Rank ? (int)width + batch
            : throw ImportException.Invalid($"tuples of {width} positions beside {batch} batch dimensions, into {data.Type.Rank} dimensions");
    }

    /// <summary>Data as rows: the first <paramref name="depth"/> dimensions number them.</summary>
    private static Value Table(NodeContext n, Value data, int depth)
    {
        DimExpr rows = DimExpr.Product(data.Type.Shape.Take(depth));
        return n.Reshape(data, depth == data.Type.Rank ? [rows] : [rows, DimExpr.Product(data.Type.Shape.Skip(depth))]);
    }

    /// <summary>Refuses a tensor that reaches beyond another in a dimension other than the axis: its positions would be those of other rows.</summary>
    private static void RefuseBeyond(EquatableArray<DimExpr> own, EquatableArray<DimExpr> shape, int axis, string what)
    {
        for (int d = 0; d < shape.Count; d++)
        {
            if (d != axis && own[d].ConstantValue > shape[d].ConstantValue)
            {
                throw ImportException.Invalid($"dimension {d} of the {what} is {own[d]}, that of the data {shape[d]}", "correct the axis: other dimensions may not be longer than those of the data");
            }
        }
    }

    /// <summary>The row number of each element that an index along one axis chooses, the other positions being its own.</summary>
    private static Value Elements(NodeContext n, Value data, Value indices)
    {
        EquatableArray<DimExpr> shape = data.Type.Shape, own = indices.Type.Shape;
        if (own.Count != shape.Count || shape.Count == 0)
        {
            throw ImportException.Invalid($"indices of {own.Count} dimensions into {shape.Count} dimensions");
        }
        int axis = AxisRules.Normalize(n.Int("axis", 0), shape.Count);
        RefuseBeyond(own, shape, axis, "indices");
        Value along = FromEnd(n, n.Cast(indices, ElementType.I64), shape[axis]);
        return n.Broadcast(Flatten(n, shape, [.. Enumerable.Range(0, shape.Count).Select(d => d == axis ? along : Ramp(n, own, d))]), own);
    }

    /// <summary>The row number of each index tuple.</summary>
    private static Value Tuples(NodeContext n, Value data, Value indices, int batch)
    {
        EquatableArray<DimExpr> leading = indices.Type.Shape.Take(indices.Type.Rank - 1).ToEquatableArray();
        int depth = Depth(data, indices, batch);
        Value wide = n.Cast(indices, ElementType.I64);
        Value Component(int i) => FromEnd(n, n.Reshape(n.SliceAxis(wide, leading.Count, i, 1), leading), data.Type.Shape[batch + i]);
        Value rows = Flatten(n, data.Type.Shape.Take(depth).ToEquatableArray(), [.. Enumerable.Range(0, depth).Select(d => d < batch ? Ramp(n, leading, d) : Component(d - batch))]);
        return n.Broadcast(rows, leading);
    }

    /// <summary>Σ positions[d] · (the product of the sizes after d), by Horner's rule.</summary>
    private static Value Flatten(NodeContext n, EquatableArray<DimExpr> sizes, IReadOnlyList<Value> positions)
    {
        Value flat = positions.Count > 0 ? positions[0] : n.Scalar(ElementType.I64, 0);
        for (int d = 1; d < positions.Count; d++)
        {
            flat = n.Add(sizes[d].Is(1) ? flat : n.Multiply(flat, n.Length(sizes[d])), positions[d]);
        }
        return flat;
    }

    /// <summary>Negative positions count from the end.</summary>
    private static Value FromEnd(NodeContext n, Value positions, DimExpr extent)
    {
        Value isNegative = n.Binary(BinaryOp.Less, positions, n.Scalar(ElementType.I64, 0));
        return n.Select(isNegative, n.Add(positions, n.Length(extent)), positions);
    }

    /// <summary>0, 1, 2, … along an axis, 1 wide along the others.</summary>
    private static Value Ramp(NodeContext n, EquatableArray<DimExpr> shape, int axis) =>
        n.Emit(new Iota(ElementType.I64, shape.Select((d, i) => i == axis ? d : DimExpr.One).ToEquatableArray(), axis, DimExpr.Zero, 1));
}
