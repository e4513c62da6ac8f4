using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Convolutions. The graph has those of one group with constant weights; others are composed: depthwise ones, as in
/// conformers, of products element by element, those of few groups of one convolution each, all others of a matrix product
/// with the patches of the input.
/// </summary>
internal static class ConvolutionOperators
{
    /// <summary>Groups that are convolutions of their own; more are one batched product.</summary>
    private const long MaximumApart = 32;

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Conv", Geometry(From(1, "X", "W", "B?")), Convolve),
        new("ConvInteger", Geometry(From(10, "x", "w", "x_zero_point?", "w_zero_point?")), n => n.Return(OfIntegers(n, Convolution.Of(n, n.Type(0), n.Type(1)), 0, 1, 2, 3))),
        new("QLinearConv", Geometry(From(10, "x", "x_scale", "x_zero_point", "w", "w_scale", "w_zero_point", "y_scale", "y_zero_point", "B?")), Quantized),
    ];

    private static OperatorSignature Geometry(OperatorSignature inputs) =>
        inputs.Ints("dilations", "kernel_shape", "pads", "strides").Int("group").Choice("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID");

    private static void Convolve(NodeContext n)
    {
        Value x = n.Value(0), w = n.Value(1);
        var convolution = Convolution.Of(n, x.Type, w.Type);
        bool hasBias = n.Optional(2) is not null;
        Conv one = convolution.OneGroup(hasBias);
        if (convolution.Groups == 1 && w.IsConstant)
        {
            n.Return(hasBias ? n.Emit(one, x, w, n.Value(2)) : n.Emit(one, x, w));
            return;
        }
        Value y = convolution.IsDepthwise ? Depthwise(n, convolution, x, w)
            : w.IsConstant && convolution.Groups <= MaximumApart ? GroupByGroup(n, convolution, x, w)
            : n.Reshape(n.Emit(new MatMul(), convolution.Matrices(w), convolution.Patches(x)), convolution.Shape);
        n.Return(hasBias ? n.Add(y, convolution.PerChannel(n.Value(2))) : y);
    }

    /// <summary>y[b, c, p] = Σ over the kernel of w[c, tap] · x[b, c, p at tap].</summary>
    private static Value Depthwise(NodeContext n, Convolution convolution, Value x, Value w)
    {
        IReadOnlyList<Value> windows = convolution.Windows(x);
        Value taps = n.Reshape(w, [convolution.Groups, windows.Count]);
        return windows.Select((window, tap) => n.Multiply(window, convolution.PerChannel(n.SliceAxis(taps, 1, tap, 1)))).Aggregate(n.Add);
    }

    private static Value GroupByGroup(NodeContext n, Convolution convolution, Value x, Value w)
    {
        DimExpr inputs = w.Type.Shape[1], outputs = DimExpr.FloorDiv(w.Type.Shape[0], convolution.Groups);
        var parts = new Value[convolution.Groups];
        for (long g = 0; g < parts.Length; g++)
        {
            Value weights = Part(w, outputs.ConstantValue!.Value, g);
            parts[g] = n.Emit(convolution.OneGroup(hasBias: false), n.SliceAxis(x, 1, g * inputs, inputs), weights);
        }
        return n.Emit(new Concat(1), parts);

        // A view of the file: rows lie one after the other.
        Value Part(Value all, long rows, long group) => n.Constant(all.ConstantData!.Rows(group * rows, rows));
    }

    /// <summary>Σ (x − zero of x)·(w − zero of w), exact in int32; the padding stands for 0.</summary>
    private static Value OfIntegers(NodeContext n, Convolution convolution, int input, int weights, int inputZero, int weightsZero)
    {
        Value w = n.Value(weights);
        Value? zero = n.Optional(inputZero) is null ? null : n.Reshape(n.Value(inputZero), []), filterZero = n.Optional(weightsZero) is null ? null : n.Value(weightsZero);
        if (filterZero is { Type: { Rank: 1, Shape: var shape } } && !shape[0].Is(1))
        {
            filterZero = n.Reshape(filterZero, [convolution.Groups, DimExpr.FloorDiv(shape[0], convolution.Groups), DimExpr.One]);
        }
        Value product = QuantizationOperators.IntegerProduct(n, convolution.Matrices(w), convolution.Patches(n.Value(input), zero), filterZero, zero);
        return n.Reshape(product, convolution.Shape);
    }

    /// <summary>Inputs: x, its scale and zero point, w, its scale and zero point, scale and zero point of the result, bias in int32.</summary>
    private static void Quantized(NodeContext n)
    {
        var convolution = Convolution.Of(n, n.Type(0), n.Type(3));
        Value sum = OfIntegers(n, convolution, 0, 3, 2, 5);
        if (n.Optional(8) is not null)
        {
            sum = n.Add(sum, convolution.PerChannel(n.Value(8)));
        }
        Value Scale(int i) => n.Cast(n.Value(i).Type.Rank == 0 || n.Value(i).Type.Shape[0].Is(1) ? n.Reshape(n.Value(i), []) : convolution.PerChannel(n.Value(i)), ElementType.F32);
        Value factor = n.Divide(n.Multiply(Scale(1), Scale(4)), Scale(6));
        n.Return(QuantizationOperators.Quantize(n, n.Multiply(n.Cast(sum, ElementType.F32), factor), n.Reshape(n.Value(7), []), n.Type(7).Element));
    }
}
