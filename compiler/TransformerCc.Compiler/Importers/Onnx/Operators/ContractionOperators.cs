using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Sums of products: matrix multiplication and convolution.</summary>
internal static class ContractionOperators
{
    /// <summary>Each position of a computed kernel is a node of its own.</summary>
    private const long MaximumComputedTaps = 1024;

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("MatMul", n => n.Return(Multiply(n, n.Value(0), n.Value(1)))),
        new("Gemm", Gemm) { MinimumOpset = 7 },
        new("Conv", Convolve),
    ];

    /// <summary>numpy: a vector is a row on the left and a column on the right, and that dimension goes away again.</summary>
    public static Value Multiply(NodeContext n, Value a, Value b)
    {
        bool row = a.Type.Rank == 1, column = b.Type.Rank == 1;
        Value left = row ? n.Reshape(a, [1, .. a.Type.Shape]) : a, right = column ? n.Reshape(b, [.. b.Type.Shape, 1]) : b;
        Value product = n.Emit(new MatMul(), left, right);
        int rank = product.Type.Rank;
        return n.Reshape(product, product.Type.Shape.Where((_, i) => !(row && i == rank - 2) && !(column && i == rank - 1)));
    }

    /// <summary>α·A'·B' + β·C.</summary>
    private static void Gemm(NodeContext n)
    {
        Value a = n.Int("transA", 0) != 0 ? n.Transpose(n.Value(0), 1, 0) : n.Value(0);
        Value b = n.Int("transB", 0) != 0 ? n.Transpose(n.Value(1), 1, 0) : n.Value(1);
        Value Scaled(Value x, float factor) => factor == 1 ? x : n.Multiply(x, n.Scalar(x.Type.Element, factor));
        Value product = Scaled(n.Emit(new MatMul(), a, b), n.Float("alpha", 1));
        float beta = n.Float("beta", 1);
        n.Return(n.Optional(2) is null || beta == 0 ? product : n.Add(product, Scaled(n.Value(2), beta)));
    }

    private static void Convolve(NodeContext n)
    {
        Value x = n.Value(0), w = n.Value(1);
        int spatial = x.Type.Rank - 2;
        if (spatial is not (1 or 2) || w.Type.Rank != x.Type.Rank)
        {
            throw ImportException.Invalid($"{spatial} spatial dimensions are not supported, one or two are");
        }
        if (n.Int("group", 1) != 1)
        {
            throw ImportException.Invalid($"{n.Int("group", 1)} groups are not supported, a convolution of one group is");
        }
        long[] ones = [.. Enumerable.Repeat(1L, spatial)];
        long[] strides = n.Ints("strides") ?? ones, dilations = n.Ints("dilations") ?? ones, pads = n.Ints("pads") ?? new long[spatial * 2];
        if (strides.Length != spatial || dilations.Length != spatial || pads.Length != spatial * 2)
        {
            throw ImportException.Invalid($"strides, dilations and pads do not fit {spatial} spatial dimensions");
        }
        string automatic = n.Text("auto_pad", "NOTSET");
        for (int i = 0; i < spatial && automatic is "SAME_UPPER" or "SAME_LOWER"; i++)
        {
            // As many outputs as ⌈in / stride⌉; an odd pad goes to the end, or with SAME_LOWER to the beginning.
            if (x.Type.Shape[i + 2].ConstantValue is not { } size || w.Type.Shape[i + 2].ConstantValue is not { } kernel)
            {
                throw ImportException.Invalid($"auto_pad {automatic} needs a fixed size, dimension {i + 2} is {x.Type.Shape[i + 2]}");
            }
            long outputs = (size + strides[i] - 1) / strides[i];
            long total = long.Max(0, ((outputs - 1) * strides[i]) + ((kernel - 1) * dilations[i]) + 1 - size);
            pads[i] = automatic == "SAME_UPPER" ? total / 2 : total - (total / 2);
            pads[i + spatial] = total - pads[i];
        }
        var conv = new Conv(strides.ToEquatableArray(), pads.Take(spatial).ToEquatableArray(), pads.Skip(spatial).ToEquatableArray(), dilations.ToEquatableArray(), n.Optional(2) is not null);
        n.Return(!w.IsConstant ? WithComputedWeights(n, conv, x, w) : conv.HasBias ? n.Emit(conv, x, w, n.Value(2)) : n.Emit(conv, x, w));
    }

    /// <summary>
    /// The machine streams constant weights; computed ones are multiplied with the patches as a matrix:
    /// y[b, o, p] = Σ w[o, (tap, c)] · patches[b, (tap, c), p].
    /// </summary>
    private static Value WithComputedWeights(NodeContext n, Conv conv, Value x, Value w)
    {
        EquatableArray<DimExpr> shape = conv.Infer(conv.HasBias ? EquatableArray.Create([x.Type, w.Type, n.Type(2)]) : EquatableArray.Create([x.Type, w.Type]))[0].Shape;
        int spatial = conv.Strides.Count;
        long[] kernel = [.. w.Type.Shape.Skip(2).Select(d => d.ConstantValue ?? throw ImportException.Invalid($"the size of the kernel {w.Type} must be constant"))];
        long taps = kernel.Aggregate(1L, (p, k) => checked(p * k));
        if (taps > MaximumComputedTaps)
        {
            throw ImportException.Invalid($"a kernel of {taps} positions that is no constant is not supported, up to {MaximumComputedTaps} are");
        }
        Value padded = conv.PadsBefore.Concat(conv.PadsAfter).All(p => p == 0) ? x
            : n.Emit(new Pad(new[] { 0L, 0 }.Concat(conv.PadsBefore).ToEquatableArray(), new[] { 0L, 0 }.Concat(conv.PadsAfter).ToEquatableArray()), x);
        var patches = new Value[taps];
        for (long tap = 0; tap < taps; tap++)
        {
            var start = new DimExpr[spatial];
            long rest = tap;
            for (int axis = spatial - 1; axis >= 0; axis--)
            {
                start[axis] = rest % kernel[axis] * conv.Dilations[axis];
                rest /= kernel[axis];
            }
            patches[tap] = n.Emit(new Slice(
                new[] { DimExpr.Zero, DimExpr.Zero }.Concat(start).ToEquatableArray(),
                new[] { x.Type.Shape[0], x.Type.Shape[1] }.Concat(shape.Skip(2)).ToEquatableArray(),
                new[] { 1L, 1 }.Concat(conv.Strides).ToEquatableArray()), padded);
        }
        DimExpr depth = taps * x.Type.Shape[1];
        Value matrix = n.Reshape(n.Transpose(w, [0, .. Enumerable.Range(2, spatial).Select(i => (long)i), 1]), [shape[1], depth]);
        Value columns = n.Reshape(taps == 1 ? patches[0] : n.Emit(new Concat(1), patches), [shape[0], depth, DimExpr.Product(shape.Skip(2))]);
        Value y = n.Reshape(n.Emit(new MatMul(), matrix, columns), shape);
        return conv.HasBias ? n.Add(y, n.Reshape(n.Value(2), [shape[1], .. conv.Strides.Select(_ => DimExpr.One)])) : y;
    }
}
