using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Padding with a value, or with elements of the tensor itself.</summary>
internal static class PadOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Pad", [
            From(2, "data").Ints("pads").AnyFloat("value").Choice("mode", "constant", "edge", "reflect").Required("pads"),
            From(11, "data", "pads", "constant_value?").Choice("mode", "constant", "edge", "reflect"),
            From(18, "data", "pads", "constant_value?", "axes?").Choice("mode", "constant", "edge", "reflect"),
            From(19, "data", "pads", "constant_value?", "axes?").Choice("mode", "constant", "edge", "reflect", "wrap"),
        ], Translate),
    ];

    /// <summary>Pads are an attribute before operator set 11, an input since; axes may limit them since 18. Negative pads crop.</summary>
    private static void Translate(NodeContext n)
    {
        long[] pads = n.IntsOrInput("pads", 1) ?? throw ImportException.Invalid("has no pads");
        int rank = n.Rank(0);
        int[] axes = n.Optional(3) is null ? [.. Enumerable.Range(0, rank)] : [.. n.Integers(3, "axes").Select(a => AxisRules.Normalize(a, rank))];
        if (pads.Length != axes.Length * 2)
        {
            throw ImportException.Invalid($"{pads.Length} pads for {axes.Length} dimensions");
        }
        var before = new long[rank];
        var after = new long[rank];
        for (int i = 0; i < axes.Length; i++)
        {
            before[axes[i]] = pads[i];
            after[axes[i]] = pads[i + axes.Length];
        }
        Value x = n.Value(0);
        for (int i = 0; i < rank; i++)
        {
            (long front, long back) = (long.Min(before[i], 0), long.Min(after[i], 0));
            if (front < 0 || back < 0)
            {
                x = n.SliceAxis(x, i, -front, x.Type.Shape[i] + front + back);
            }
            (before[i], after[i]) = (long.Max(before[i], 0), long.Max(after[i], 0));
        }
        string mode = n.Text("mode", "constant");
        n.Return(mode == "constant" ? WithValue(n, x, new Pad(before.ToEquatableArray(), after.ToEquatableArray()), GivenValue(n, x.Type.Element)) : WithItself(n, x, mode, before, after));
    }

    private static Value? GivenValue(NodeContext n, ElementType type) =>
        n.Optional(2) is not null ? n.Reshape(n.Value(2), []) : n.OptionalFloat("value") is { } number ? n.Scalar(type, number) : null;

    /// <summary>Pads with a number, 0 for none.</summary>
    public static Value WithValue(NodeContext n, Value x, Pad pad, Value? value)
    {
        if (value is null || value.IsConstant)
        {
            return value is null ? n.Emit(pad, x) : n.Emit(pad, x, value);
        }
        // The machine fills with constants: a value computed at run time is chosen where nothing of the tensor is.
        Value isInside = n.Emit(pad, n.Broadcast(n.Constant(Tensor.From<byte>(ElementType.Bool, [], [1])), x.Type.Shape));
        return n.Select(isInside, n.Emit(pad, x), value);
    }

    /// <summary>edge repeats the first and the last element, reflect mirrors about them, wrap goes on at the other end.</summary>
    private static Value WithItself(NodeContext n, Value x, string mode, long[] before, long[] after)
    {
        for (int axis = 0; axis < before.Length; axis++)
        {
            (long front, long back) = (before[axis], after[axis]);
            if (front == 0 && back == 0)
            {
                continue;
            }
            DimExpr size = x.Type.Shape[axis];
            long needed = mode switch { "edge" => 1, "reflect" => long.Max(front, back) + 1, _ => long.Max(front, back) };
            if (n.Dimensions.Bounds(size).Lower < needed)
            {
                throw ImportException.Invalid($"mode '{mode}' with pads {front} and {back} needs {needed} elements in dimension {axis}, which has {size}");
            }
            Value Repeated(DimExpr at, long count) => n.Broadcast(n.SliceAxis(x, axis, at, 1), x.Type.Shape.Select((d, i) => i == axis ? count : d));
            (Value first, Value last) = mode switch
            {
                "edge" => (Repeated(DimExpr.Zero, front), Repeated(size - 1, back)),
                "reflect" => (Backwards(n, x, axis, front, front), Backwards(n, x, axis, size - 2, back)),
                "wrap" => (n.SliceAxis(x, axis, size - front, front), n.SliceAxis(x, axis, DimExpr.Zero, back)),
                _ => throw ImportException.Invalid($"mode '{mode}' is not one of constant, edge, reflect and wrap"),
            };
            Value[] parts = [.. front > 0 ? [first] : Array.Empty<Value>(), x, .. back > 0 ? [last] : Array.Empty<Value>()];
            x = n.Emit(new Concat(axis), parts);
        }
        return x;
    }

    private static Value Backwards(NodeContext n, Value x, int axis, DimExpr start, long count) => n.Emit(new Slice(
        x.Type.Shape.Select((_, i) => i == axis ? start : DimExpr.Zero).ToEquatableArray(),
        x.Type.Shape.Select((d, i) => i == axis ? count : d).ToEquatableArray(),
        x.Type.Shape.Select((_, i) => i == axis ? -1L : 1L).ToEquatableArray()), x);
}
