using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// NumPy's matmul of tensors of two or more dimensions: [..., M, K]·[..., K, N] with broadcast leading dimensions. 8-bit
/// integers, of one sign or both, give i32 (modulo 2³²); everything else gives its own type.
/// </summary>
public sealed record MatMul : Operator, IOperator<MatMul>
{
    public static string OperatorName => "matmul";

    public override string Name => OperatorName;

    public static MatMul Read(IAttributeReader reader) => new();

    public override void Attributes(IAttributeVisitor visitor) { }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 2, "a, b");
        TensorType a = inputs[0], b = inputs[1];
        bool bytes = IsByte(a.Element) && IsByte(b.Element);
        if (!bytes)
        {
            ShapeRules.ExpectSameElement(a, b, "a", "b");
        }
        ShapeRules.Expect(a.Element != ElementType.Bool, "multiplies numbers, not bool");
        ShapeRules.Expect(a.Rank >= 2 && b.Rank >= 2, $"needs two dimensions or more, given {a} and {b}");
        ShapeRules.ExpectEqual(a.Shape[a.Rank - 1], b.Shape[b.Rank - 2], "the width of a", "the height of b");
        EquatableArray<DimExpr> batch = Broadcasting.Shape(a.Shape.Take(a.Rank - 2).ToEquatableArray(), b.Shape.Take(b.Rank - 2).ToEquatableArray());
        return ShapeRules.One(bytes ? ElementType.I32 : a.Element, [.. batch, a.Shape[a.Rank - 2], b.Shape.Last]);
    }

    private static bool IsByte(ElementType type) => type is ElementType.I8 or ElementType.U8;

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor a = inputs[0], b = inputs[1];
        long rows = a.Shape[^2], depth = a.Shape[^1], columns = b.Shape[^1];
        long[] batch = Broadcasting.Shape(a.Shape[..^2], b.Shape[..^2]), shape = [.. batch, rows, columns];
        var left = new StridedWalk(batch, Strided.Broadcast(a.Shape[..^2], batch));
        var right = new StridedWalk(batch, Strided.Broadcast(b.Shape[..^2], batch));
        long batches = Strided.Count(batch);
        if (!a.Type.IsFloat())
        {
            long[] m = TensorMath.Longs(a), n = TensorMath.Longs(b), integers = new long[Strided.Count(shape)];
            for (long i = 0; i < batches; i++, left.Next(), right.Next())
            {
                Multiply(m.AsSpan((int)(left.Offset * rows * depth)), n.AsSpan((int)(right.Offset * depth * columns)), integers.AsSpan((int)(i * rows * columns)), rows, depth, columns);
            }
            return [TensorMath.FromLongs(IsByte(a.Type) ? ElementType.I32 : a.Type, shape, integers)];
        }
        double[] x = TensorMath.Doubles(a), y = TensorMath.Doubles(b), result = new double[Strided.Count(shape)];
        for (long i = 0; i < batches; i++, left.Next(), right.Next())
        {
            Multiply(x.AsSpan((int)(left.Offset * rows * depth)), y.AsSpan((int)(right.Offset * depth * columns)), result.AsSpan((int)(i * rows * columns)), rows, depth, columns);
        }
        return [TensorMath.FromDoubles(a.Type, shape, result)];
    }

    /// <summary>result[i, n] = Σ a[i, k]·b[k, n], k ascending.</summary>
    internal static void Multiply(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> result, long rows, long depth, long columns)
    {
        for (int i = 0; i < rows; i++)
        {
            Span<double> row = result.Slice((int)(i * columns), (int)columns);
            for (int k = 0; k < depth; k++)
            {
                TensorMath.AddScaled(row, a[(int)(i * depth) + k], b.Slice((int)(k * columns), (int)columns));
            }
        }
    }

    private static void Multiply(ReadOnlySpan<long> a, ReadOnlySpan<long> b, Span<long> result, long rows, long depth, long columns)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < depth; k++)
            {
                for (int n = 0; n < columns; n++)
                {
                    result[(int)(i * columns) + n] = unchecked(result[(int)(i * columns) + n] + (a[(int)(i * depth) + k] * b[(int)(k * columns) + n]));
                }
            }
        }
    }
}

/// <summary>
/// activation(convolution + bias) + residual, over one or two spatial dimensions, one group: x [B, C, spatial...], w [O, C, k...],
/// bias [O] to [B, O, out...] with out = ⌊(in + before + after − dilation·(k − 1) − 1) / stride⌋ + 1. Imported convolutions
/// have neither activation nor residual; passes add them and put the channels last.
/// </summary>
/// <param name="ChannelsLast">The result is [B, out..., O].</param>
/// <param name="HasResidual">The last operand is added: [B, out..., O], or [out..., O] for all of the batch. Channels are last.</param>
public sealed record Conv(EquatableArray<long> Strides, EquatableArray<long> PadsBefore, EquatableArray<long> PadsAfter, EquatableArray<long> Dilations, bool HasBias,
    UnaryOp? Activation = null, bool ChannelsLast = false, bool HasResidual = false) : Operator, IOperator<Conv>
{
    public static string OperatorName => "conv";

    public override string Name => OperatorName;

    public static Conv Read(IAttributeReader reader) =>
        new(reader.Integers("strides"), reader.Integers("pads_before"), reader.Integers("pads_after"), reader.Integers("dilations"), reader.Flag("bias"),
            reader.Has("activation") ? reader.Word<UnaryOp>("activation") : null, reader.Flag("channels_last"), reader.Flag("residual"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Integers("strides", Strides);
        visitor.Integers("pads_before", PadsBefore);
        visitor.Integers("pads_after", PadsAfter);
        visitor.Integers("dilations", Dilations);
        visitor.Flag("bias", HasBias);
        if (Activation is { } activation)
        {
            visitor.Word("activation", activation);
        }
        visitor.Flag("channels_last", ChannelsLast);
        visitor.Flag("residual", HasResidual);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 2 + (HasBias ? 1 : 0) + (HasResidual ? 1 : 0), $"x, w{(HasBias ? ", bias" : "")}{(HasResidual ? ", residual" : "")}");
        TensorType x = inputs[0], w = inputs[1];
        ShapeRules.ExpectFloat(x, "x");
        ShapeRules.ExpectSameElement(x, w, "x", "w");
        ShapeRules.Expect(x.Rank is 3 or 4, $"x must have one or two spatial dimensions, is {x}");
        ShapeRules.ExpectRank(w, x.Rank, "w");
        ShapeRules.ExpectEqual(x.Shape[1], w.Shape[1], "the channels of x", "the channels of w");
        int spatial = x.Rank - 2;
        ShapeRules.Expect(Strides.Count == spatial && PadsBefore.Count == spatial && PadsAfter.Count == spatial && Dilations.Count == spatial,
            $"strides, pads and dilations must have {spatial} entries");
        ShapeRules.Expect(Strides.All(s => s > 0) && Dilations.All(d => d > 0), "strides and dilations must be positive");
        ShapeRules.Expect(PadsBefore.All(p => p >= 0) && PadsAfter.All(p => p >= 0), "pads must not be negative");
        if (HasBias)
        {
            ShapeRules.ExpectSameElement(x, inputs[2], "x", "bias");
            ShapeRules.ExpectRank(inputs[2], 1, "bias");
            ShapeRules.ExpectEqual(inputs[2].Shape[0], w.Shape[0], "the width of bias", "the output channels of w");
        }
        var shape = new List<DimExpr> { x.Shape[0] };
        for (int d = 0; d < spatial; d++)
        {
            DimExpr reach = x.Shape[d + 2] + PadsBefore[d] + PadsAfter[d] - (Dilations[d] * (w.Shape[d + 2] - 1)) - 1;
            shape.Add(DimExpr.FloorDiv(reach, Strides[d]) + 1);
        }
        shape.Insert(ChannelsLast ? shape.Count : 1, w.Shape[0]);
        if (HasResidual)
        {
            TensorType residual = inputs[inputs.Count - 1];
            ShapeRules.ExpectSameElement(x, residual, "x", "residual");
            ShapeRules.Expect(ChannelsLast, "with a residual, channels are last");
            ShapeRules.Expect(residual.Shape.SequenceEqual(shape) || residual.Shape.SequenceEqual(shape.Skip(1)), $"residual {residual} must have the shape of the result, [{string.Join(", ", shape)}], or of one of its batch");
        }
        return ShapeRules.One(x.Element, shape.ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0], w = inputs[1];
        TensorType type = Infer(inputs.Select(TensorType.Of).ToEquatableArray())[0];
        long[] shape = TensorMath.Evaluate(type.Shape, dimensions), input = x.Shape.ToArray(), kernel = w.Shape.ToArray();
        long[] inputStrides = Strided.RowMajor(input), kernelStrides = Strided.RowMajor(kernel);
        double[] values = TensorMath.Doubles(x), weights = TensorMath.Doubles(w), result = new double[Strided.Count(shape)];
        double[]? bias = HasBias ? TensorMath.Doubles(inputs[2]) : null, residual = HasResidual ? TensorMath.Doubles(inputs[inputs.Count - 1]) : null;
        int channel = ChannelsLast ? shape.Length - 1 : 1, column = ChannelsLast ? shape.Length - 2 : shape.Length - 1;
        // One spatial dimension is two with a first one of size 1.
        bool flat = input.Length == 3;
        long height = flat ? 1 : input[2], width = input[^1], kernelHeight = flat ? 1 : kernel[2], kernelWidth = kernel[^1];
        (long stepY, long padY, long spreadY) = flat ? (1, 0, 1) : (Strides[0], PadsBefore[0], Dilations[0]);
        (long stepX, long padX, long spreadX) = (Strides.Last, PadsBefore.Last, Dilations.Last);
        var walk = new StridedWalk(shape, new long[shape.Length]);
        for (int i = 0; i < result.Length; i++, walk.Next())
        {
            long b = walk.Index[0], o = walk.Index[channel], oy = flat ? 0 : walk.Index[column - 1], ox = walk.Index[column];
            double sum = bias?[o] ?? 0;
            for (long c = 0; c < kernel[1]; c++)
            {
                for (long ky = 0; ky < kernelHeight; ky++)
                {
                    for (long kx = 0; kx < kernelWidth; kx++)
                    {
                        long y = (oy * stepY) - padY + (ky * spreadY), at = (ox * stepX) - padX + (kx * spreadX);
                        if (y >= 0 && y < height && at >= 0 && at < width)
                        {
                            sum += values[(b * inputStrides[0]) + (c * inputStrides[1]) + (y * width) + at]
                                * weights[(o * kernelStrides[0]) + (c * kernelStrides[1]) + (ky * kernelWidth) + kx];
                        }
                    }
                }
            }
            sum = Activation is { } activation ? ScalarFunctions.Apply(activation, sum) : sum;
            result[i] = sum + (residual?[i % residual.Length] ?? 0);
        }
        return [TensorMath.FromDoubles(x.Type, shape, result)];
    }
}
