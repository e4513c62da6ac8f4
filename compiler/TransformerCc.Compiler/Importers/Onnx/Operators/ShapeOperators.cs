using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Sizes, and tensors made of sizes and constants.</summary>
internal static class ShapeOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Shape", [From(1, "data"), From(15, "data").Int("start", "end")], n => n.Return(ShapeOf(n))),
        new("Size", From(1, "data"), n => n.Return(Contents.Scalar(ElementType.I64, Exact.Of(n.Type(0).Count)))),
        new("Constant", [
                From(1).Tensor("value").Required("value"),
                From(11).Tensor("value").Refuse(AttributeKind.Tensor, "sparse_value", Sparse),
                From(12).Tensor("value").Refuse(AttributeKind.Tensor, "sparse_value", Sparse).AnyFloat("value_float").Floats("value_floats").Int("value_int").Ints("value_ints")
                    .Refuse(AttributeKind.Text, "value_string", Strings).Refuse(AttributeKind.Texts, "value_strings", Strings),
            ], Constant),
        new("ConstantOfShape", From(9, "input").Tensor("value"), ConstantOfShape) { Fold = FoldConstantOfShape },
        new("Range", [From(11, "start", "limit", "delta"), From(27, "start", "limit", "delta").Unused(AttributeKind.Int, "stash_type", "each element is start + i·delta, which sums nothing up")], Range),
        new("NonZero", From(9, "X"), NonZero),
        new("Identity", From(1, "input"), n => n.Forward(n.Input(0))),
        new("Dropout", [
                From(7, "data").Returns("output", "mask?").Unused(AttributeKind.Float, "ratio", NoTraining),
                From(12, "data", "ratio?", "training_mode?").Returns("output", "mask?").IgnoreInput("ratio", NoTraining).Unused(AttributeKind.Int, "seed", NoTraining),
            ], Dropout),
    ];

    private const string Sparse = "the graph has dense tensors only", Strings = "the chip has no text";

    private const string NoTraining = "nothing is dropped in inference";

    /// <summary>Dimensions from start to end; both count from the end when negative and are clamped (operator set 15).</summary>
    private static Contents ShapeOf(NodeContext n)
    {
        int rank = n.Rank(0);
        int Bound(long value) => (int)long.Clamp(value < 0 ? value + rank : value, 0, rank);
        int start = Bound(n.Int("start", 0)), end = Bound(n.Int("end", rank));
        return Contents.Vector(ElementType.I64, n.Shape(0).Skip(start).Take(end - start));
    }

    private static void Constant(NodeContext n)
    {
        Tensor Scalars<T>(ElementType type, ReadOnlySpan<T> values, bool isList) where T : unmanaged => Tensor.From(type, isList ? [values.Length] : [], values);
        Tensor[] given =
        [
            .. n.TensorAttribute("value") is { } value ? [n.Session.Read(value, n.Proto.Output[0])] : Array.Empty<Tensor>(),
            .. n.OptionalFloat("value_float") is { } real ? [Scalars<float>(ElementType.F32, [real], false)] : Array.Empty<Tensor>(),
            .. n.Floats("value_floats") is { } reals ? [Scalars<float>(ElementType.F32, reals, true)] : Array.Empty<Tensor>(),
            .. n.OptionalInt("value_int") is { } integer ? [Scalars<long>(ElementType.I64, [integer], false)] : Array.Empty<Tensor>(),
            .. n.Ints("value_ints") is { } integers ? [Scalars<long>(ElementType.I64, integers, true)] : Array.Empty<Tensor>(),
        ];
        Tensor tensor = given is [var one] ? one : throw ImportException.Invalid($"one value is needed, {given.Length} are given");
        n.Return(n.Session.Graph.Constant(tensor, n.Scope.Prefix + n.Proto.Output[0]));
    }

    /// <summary>
    /// The positions of elements that are not 0, one column each. Their number must be known: exporters before operator set 11
    /// write the positions of a tensor full of ones for a range.
    /// </summary>
    private static void NonZero(NodeContext n)
    {
        Value x = n.Value(0);
        while (x.Producer is { Op: Broadcast or Reshape or Cast } node)
        {
            x = node.Inputs[0];
        }
        if (x.ConstantData is not { } data || TensorMath.Doubles(data).Contains(0))
        {
            throw new ImportException(ImportCodes.UnsupportedOperator, "the shape of its result depends on the data");
        }
        EquatableArray<DimExpr> shape = n.Shape(0);
        Value[] rows = [.. Enumerable.Range(0, shape.Count).Select(axis => n.Reshape(n.Broadcast(n.Positions(shape[axis], shape.Count, axis), shape), [DimExpr.One, DimExpr.Product(shape)]))];
        n.Return(rows.Length switch
        {
            0 => n.Constant(Tensor.From<long>(ElementType.I64, [0, 1], [])),
            1 => rows[0],
            _ => n.Emit(new Concat(0), rows),
        });
    }

    private static Tensor FillValue(NodeContext n)
    {
        Tensor value = n.TensorAttribute("value") is { } t ? n.Session.Read(t, n.Label) : Tensor.From<float>(ElementType.F32, [], [0]);
        return value.Count == 1 ? value.Reshape([]) : throw ImportException.Invalid($"the fill value has {value.Count} elements");
    }

    private static void ConstantOfShape(NodeContext n) => n.Return(n.Broadcast(n.Constant(FillValue(n)), n.Dims(0, "the shape")));

    private static Contents? FoldConstantOfShape(NodeContext n, int output)
    {
        if (n.Contents(0) is not { IsConstant: true } shape || shape.Elements.Any(e => e!.Value.Constant is not >= 0))
        {
            return null;
        }
        return Contents.Of(FillValue(n))?.Broadcast([.. shape.Elements.Select(e => e!.Value.Constant!.Value)]);
    }

    /// <summary>start, start + delta, … below limit. Integers over dimensions become an iota, anything constant a constant.</summary>
    private static void Range(NodeContext n)
    {
        ElementType type = n.Type(0).Element;
        if (n.Scalar(0) is { } first && n.Scalar(1) is { } limit && n.Scalar(2) is { } delta)
        {
            const int most = 1 << 22;
            double count = delta == 0 ? double.NaN : Math.Max(0, Math.Ceiling((limit - first) / delta));
            if (!(count <= most))
            {
                throw ImportException.Invalid($"a range from {first} to {limit} in steps of {delta}");
            }
            double[] values = [.. Enumerable.Range(0, (int)count).Select(i => first + (i * delta))];
            n.Return(n.Constant(TensorMath.FromDoubles(type, [values.Length], values)));
            return;
        }
        DimExpr from = n.Dim(0, "the start"), to = n.Dim(1, "the limit");
        long step = n.Integer(2, "the step");
        if (step == 0)
        {
            throw ImportException.Invalid("the step is 0");
        }
        DimExpr distance = step > 0 ? to - from : from - to;
        DimInterval bounds = n.Dimensions.Bounds(distance);
        distance = bounds.Upper <= 0 ? DimExpr.Zero : bounds.Lower < 0 ? DimExpr.Max(distance, DimExpr.Zero) : distance;
        n.Return(n.Emit(new Iota(type, [DimExpr.CeilDiv(distance, Math.Abs(step))], 0, from, step)));
    }

    /// <summary>Inference: the input unchanged, and a mask of ones when it is asked for.</summary>
    private static void Dropout(NodeContext n)
    {
        if (n.Optional(2) is not null && n.Scalar(2) is not 0)
        {
            throw ImportException.Invalid("training mode is not supported", "export the model for inference");
        }
        n.Forward(n.Input(0));
        if (n.OutputCount > 1)
        {
            n.Return(n.Broadcast(n.Constant(Tensor.From<byte>(ElementType.Bool, [], [1])), n.Shape(0)), 1);
        }
    }
}
