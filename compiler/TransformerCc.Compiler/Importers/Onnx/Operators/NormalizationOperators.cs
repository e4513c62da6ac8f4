using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Normalisation over trailing dimensions or channels.</summary>
internal static class NormalizationOperators
{
    private const string InSingle = "statistics are computed in f32", Trained = "it is computed in training only";

    private static readonly OperatorSignature s_layer = From(1, "X", "Scale", "B?").Returns("Y", "Mean?", "InvStdDev?").Int("axis").Epsilon().Only("stash_type", 1, InSingle);

    private static readonly OperatorSignature s_simplified = From(1, "X", "scale").Returns("Y", "inv_std_var?").Int("axis").Epsilon().Only("stash_type", 1, InSingle);

    private static readonly OperatorSignature s_batch = From(7, "X", "scale", "B", "input_mean", "input_var").Returns("Y", "mean?", "var?", "saved_mean?", "saved_var?")
        .RefuseOutput("mean", Trained).RefuseOutput("var", Trained).RefuseOutput("saved_mean", Trained).RefuseOutput("saved_var", Trained)
        .Epsilon().Unused(AttributeKind.Float, "momentum", "it averages the statistics of training");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        // Before version 17 an operator of ONNX Runtime, which passes over what it does not know: its exporter misspelt epsilon.
        new("LayerNormalization", [s_layer.Only("epsion", 1e-5f, "a misspelling of epsilon, for which ONNX Runtime takes 1E-05"), s_layer with { Since = 17 }], n => Normalize(n, NormKind.Layer)),
        new("RMSNormalization", From(23, "X", "scale").Int("axis").Epsilon().Only("stash_type", 1, InSingle), n => Normalize(n, NormKind.Rms)),
        // Not of the standard, but exporters write it in the default domain as well as in ONNX Runtime's.
        new("SimplifiedLayerNormalization", s_simplified, n => Normalize(n, NormKind.Rms)),
        new("SimplifiedLayerNormalization", s_simplified, n => Normalize(n, NormKind.Rms)) { Domain = "com.microsoft" },
        new("BatchNormalization", [
                s_batch.Only("spatial", 1, "means are those of channels") with { Since = 7 },
                s_batch with { Since = 9 },
                s_batch.Only("training_mode", 0, "means and variances are those of the inputs", "export the model for inference").Returns("Y", "running_mean?", "running_var?")
                    .RefuseOutput("running_mean", Trained).RefuseOutput("running_var", Trained) with { Since = 14 },
            ], BatchNormalization),
        new("GroupNormalization", [
                From(18, "X", "scale", "bias").Epsilon().Int("num_groups").Required("num_groups"),
                From(21, "X", "scale", "bias").Epsilon().Int("num_groups").Only("stash_type", 1, InSingle).Required("num_groups"),
            ], n => Groups(n, n.OptionalInt("num_groups") ?? throw ImportException.Invalid("has no num_groups"))),
        new("InstanceNormalization", [
                From(1, "input", "scale", "B").Epsilon().Unused(AttributeKind.Ints, "consumed_inputs", MemoryHint), From(6, "input", "scale", "B").Epsilon(),
            ], n => Groups(n, null)),
        new("MeanVarianceNormalization", From(9, "X").Ints("axes"), MeanVariance),
    ];

    /// <summary>The dimensions from the axis on are one row; the graph's norm works on the last dimension.</summary>
    private static void Normalize(NodeContext n, NormKind kind)
    {
        Value x = n.Value(0);
        EquatableArray<DimExpr> shape = x.Type.Shape;
        int axis = AxisRules.Normalize(n.Int("axis", -1), shape.Count);
        DimExpr[] row = [.. shape.Skip(axis)], outer = [.. shape.Take(axis)];
        DimExpr width = DimExpr.Product(row);
        float epsilon = n.Float("epsilon", 1e-5f);
        Value rows = n.Reshape(x, [.. outer, width]);
        bool hasShift = kind == NormKind.Layer && n.Optional(2) is not null, isRow = IsRow(n.Type(1)) && (!hasShift || IsRow(n.Type(2)));
        Value Row(int input) => n.Reshape(n.Broadcast(Trailing(n, n.Value(input), row.Length), row), [width]);
        if (isRow)
        {
            var norm = new Norm(kind, epsilon, hasShift);
            n.Return(n.Reshape(hasShift ? n.Emit(norm, rows, Row(1), Row(2)) : n.Emit(norm, rows, Row(1)), shape));
        }
        else
        {
            // Scale and shift that differ between rows meet the result as they are.
            Value plain = n.Reshape(n.Emit(new Norm(kind, epsilon, HasShift: false), rows, n.Broadcast(n.Scalar(x.Type.Element, 1), [width])), shape);
            Value scaled = n.Multiply(plain, n.Value(1));
            n.Return(n.Broadcast(hasShift ? n.Add(scaled, n.Value(2)) : scaled, shape));
        }
        if (n.OutputCount > 1)
        {
            Statistics(n, rows, axis, kind, epsilon, [.. outer, .. row.Select(_ => DimExpr.One)]);
        }

        bool IsRow(TensorType v) => v.Shape.SkipLast(row.Length).All(d => d.Is(1));
    }

    /// <summary>The optional results, in f32: mean (layer norm only) and 1 / standard deviation.</summary>
    private static void Statistics(NodeContext n, Value rows, int axis, NormKind kind, float epsilon, DimExpr[] shape)
    {
        int output = 1;
        rows = n.Cast(rows, ElementType.F32);
        if (kind == NormKind.Layer)
        {
            Value mean = n.Reduce(ReduceOp.Mean, rows, [axis], true);
            rows = n.Subtract(rows, mean);
            n.Return(n.Reshape(mean, shape), output++);
        }
        Value variance = n.Reduce(ReduceOp.Mean, n.Multiply(rows, rows), [axis], true);
        n.Return(n.Reshape(n.Unary(UnaryOp.Rsqrt, n.Add(variance, n.Scalar(variance.Type.Element, epsilon))), shape), output);
    }

    /// <summary>Leading dimensions of 1 beyond a rank say nothing and are dropped.</summary>
    private static Value Trailing(NodeContext n, Value x, int rank) => x.Type.Rank <= rank ? x : n.Reshape(x, x.Type.Shape.Skip(x.Type.Rank - rank));

    /// <summary>
    /// Layer norm over the channels of each group and all positions, then scale and shift of each channel; null means a
    /// group for each channel. Before operator set 21 group normalization has one scale for each group.
    /// </summary>
    private static void Groups(NodeContext n, long? count)
    {
        Value x = n.Value(0);
        EquatableArray<DimExpr> shape = x.Type.Shape;
        if (shape.Count < 2 || shape[1].ConstantValue is not { } channels || count is <= 0 || channels % (count ?? 1) != 0)
        {
            throw ImportException.Invalid($"{count} groups of the channels of {x.Type} are not possible");
        }
        // Instances are groups of one channel.
        DimExpr groups = count ?? channels, scales = count is null || n.Opset >= 21 ? channels : groups;
        foreach (TensorType v in new[] { n.Type(1), n.Type(2) })
        {
            if (v.Rank != 1 || v.Shape[0] != scales)
            {
                throw ImportException.Invalid($"scale {n.Type(1)} and bias {n.Type(2)} must have {scales} elements");
            }
        }
        DimExpr each = channels / (count ?? channels), width = each * DimExpr.Product(shape.Skip(2));
        Value rows = n.Emit(new Norm(NormKind.Layer, n.Float("epsilon", 1e-5f), false), n.Reshape(x, [shape[0], groups, width]), n.Broadcast(n.Scalar(x.Type.Element, 1), [width]));
        DimExpr[] perChannel = [channels, .. shape.Skip(2).Select(_ => DimExpr.One)];
        Value Channel(Value v) => n.Reshape(v.Type.Shape.Last == channels ? v : n.Broadcast(n.Reshape(v, [groups, DimExpr.One]), [groups, each]), perChannel);
        n.Return(n.Add(n.Multiply(n.Reshape(rows, shape), Channel(n.Value(1))), Channel(n.Value(2))));
    }

    /// <summary>(x − E x) / (√E (x − E x)² + 10⁻⁹), the definition of the specification's function body.</summary>
    private static void MeanVariance(NodeContext n)
    {
        Value x = n.Value(0);
        long[] axes = AxisRules.Normalize(n.Ints("axes") ?? [0, 2, 3], x.Type.Rank);
        Value centred = n.Subtract(x, n.Reduce(ReduceOp.Mean, x, axes, true));
        Value deviation = n.Unary(UnaryOp.Sqrt, n.Reduce(ReduceOp.Mean, n.Multiply(centred, centred), axes, true));
        n.Return(n.Divide(centred, n.Add(deviation, n.Scalar(x.Type.Element, 1e-9))));
    }

    /// <summary>Inference: (x − mean) · scale / √(variance + ε) + shift, per channel (dimension 1).</summary>
    private static void BatchNormalization(NodeContext n)
    {
        Value x = n.Value(0);
        Value Channel(Value v) => n.Reshape(v, [.. v.Type.Shape, .. Enumerable.Repeat(DimExpr.One, int.Max(0, x.Type.Rank - 2))]);
        Value deviation = n.Unary(UnaryOp.Rsqrt, n.Add(n.Value(4), n.Scalar(n.Type(4).Element, n.Float("epsilon", 1e-5f))));
        n.Return(n.Add(n.Multiply(n.Subtract(x, Channel(n.Value(3))), Channel(n.Multiply(n.Value(1), deviation))), Channel(n.Value(2))));
    }
}
