using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// The geometry of one convolution of G groups: x [batch, C, …] with w [O, C / G, kernel…] gives [batch, O, …]. Output
/// channels o·G / O belong to the input channels of their group.
/// </summary>
internal sealed class Convolution
{
    /// <summary>Each position of a kernel that is not streamed as weights is a slice of its own.</summary>
    private const long MaximumTaps = 1024;

    private readonly NodeContext _n;
    private readonly EquatableArray<DimExpr> _x;
    private readonly EquatableArray<DimExpr> _w;
    private readonly Conv _conv;

    private Convolution(NodeContext n, TensorType x, TensorType w, Conv conv, long groups)
    {
        (_n, _x, _w, _conv, Groups) = (n, x.Shape, w.Shape, conv, groups);
        // The shape rule is the graph operator's, which has one group of the channels that w reads.
        var oneGroup = new TensorType(ElementType.F32, x.Shape.Select((d, i) => i == 1 ? w.Shape[1] : d).ToEquatableArray());
        Shape = conv.Infer(EquatableArray.Create([oneGroup, w with { Element = ElementType.F32 }]))[0].Shape;
    }

    public long Groups { get; }

    /// <summary>Of the result.</summary>
    public EquatableArray<DimExpr> Shape { get; }

    /// <summary>The graph operator for one group; with a bias where <paramref name="hasBias"/>.</summary>
    public Conv OneGroup(bool hasBias) => _conv with { HasBias = hasBias };

    /// <summary>One input and one output channel in each group.</summary>
    public bool IsDepthwise => Groups > 1 && _w[1].Is(1) && _w[0].Is(Groups);

    /// <summary>Reads attributes, checks them, and finds automatic pads.</summary>
    public static Convolution Of(NodeContext n, TensorType x, TensorType w)
    {
        int spatial = x.Rank - 2;
        if (spatial is not (1 or 2) || w.Rank != x.Rank)
        {
            throw ImportException.Invalid($"{spatial} spatial dimensions are not supported, one or two are");
        }
        if (w.Shape.Skip(2).Any(d => !d.IsConstant))
        {
            throw ImportException.Invalid($"the size of the kernel {w} must be constant");
        }
        if (n.Ints("kernel_shape") is { } kernelShape && !kernelShape.SequenceEqual(w.Shape.Skip(2).Select(d => d.ConstantValue!.Value)))
        {
            throw ImportException.Invalid($"kernel_shape [{string.Join(", ", kernelShape)}] is not that of the weights {w}");
        }
        long groups = n.Int("group", 1);
        if (groups < 1 || (x.Shape[1].ConstantValue is { } channels && channels != groups * w.Shape[1].ConstantValue) || (groups > 1 && (w.Shape[0].ConstantValue is not { } outputs || outputs % groups != 0)))
        {
            throw ImportException.Invalid($"{groups} groups do not fit channels of {x} and weights {w}");
        }
        long[] ones = [.. Enumerable.Repeat(1L, spatial)];
        long[] strides = n.Ints("strides") ?? ones, dilations = n.Ints("dilations") ?? ones, pads = n.Ints("pads") ?? new long[spatial * 2];
        if (strides.Length != spatial || dilations.Length != spatial || pads.Length != spatial * 2)
        {
            throw ImportException.Invalid($"strides, dilations and pads do not fit {spatial} spatial dimensions");
        }
        string automatic = n.Text("auto_pad", "NOTSET");
        // Automatic pads take the place of given ones.
        pads = automatic == "NOTSET" ? pads : new long[spatial * 2];
        for (int i = 0; i < spatial && automatic is "SAME_UPPER" or "SAME_LOWER"; i++)
        {
            // As many outputs as ⌈in / stride⌉; an odd pad goes to the end, or with SAME_LOWER to the beginning.
            if (x.Shape[i + 2].ConstantValue is not { } size || w.Shape[i + 2].ConstantValue is not { } kernel)
            {
                throw ImportException.Invalid($"auto_pad {automatic} needs a fixed size, dimension {i + 2} is {x.Shape[i + 2]}");
            }
            long positions = (size + strides[i] - 1) / strides[i];
            long total = long.Max(0, ((positions - 1) * strides[i]) + ((kernel - 1) * dilations[i]) + 1 - size);
            pads[i] = automatic == "SAME_UPPER" ? total / 2 : total - (total / 2);
            pads[i + spatial] = total - pads[i];
        }
        for (int i = 0; i < spatial && strides[i] > 0 && dilations[i] > 0; i++)
        {
            DimExpr reach = x.Shape[i + 2] + pads[i] + pads[i + spatial] - (dilations[i] * (w.Shape[i + 2] - 1));
            n.Dimensions.AtLeast(reach, 1, n.Location, "a convolution has no result otherwise");
        }
        var conv = new Conv(strides.ToEquatableArray(), pads.Take(spatial).ToEquatableArray(), pads.Skip(spatial).ToEquatableArray(), dilations.ToEquatableArray(), HasBias: false);
        return new Convolution(n, x, w, conv, groups);
    }

    /// <summary>w as [G, O / G, kernel·(C / G)]: a matrix for each group, positions of the kernel outside, channels inside.</summary>
    public Value Matrices(Value w)
    {
        Value moved = _n.Transpose(w, [0, .. Enumerable.Range(2, _conv.Strides.Count).Select(i => (long)i), 1]);
        return _n.Reshape(moved, [Groups, DimExpr.FloorDiv(_w[0], Groups), Taps() * _w[1]]);
    }

    /// <summary>x as [batch, G, kernel·(C / G), positions]: the elements that each position of the result reads, outside x the padding.</summary>
    public Value Patches(Value x, Value? padding = null)
    {
        Value[] patches = [.. Windows(x, padding).Select(p => _n.Reshape(p, [_x[0], Groups, _w[1], Positions]))];
        return patches.Length == 1 ? patches[0] : _n.Emit(new Concat(2), patches);
    }

    /// <summary>For each position of the kernel, what the result reads there: [batch, C, …] of the result's size.</summary>
    public IReadOnlyList<Value> Windows(Value x, Value? padding = null)
    {
        int spatial = _conv.Strides.Count;
        var pad = new Pad(new[] { 0L, 0 }.Concat(_conv.PadsBefore).ToEquatableArray(), new[] { 0L, 0 }.Concat(_conv.PadsAfter).ToEquatableArray());
        Value padded = pad.Before.Concat(pad.After).All(p => p == 0) ? x : PadOperators.WithValue(_n, x, pad, padding);
        var windows = new Value[Taps()];
        for (long tap = 0; tap < windows.Length; tap++)
        {
            var start = new DimExpr[spatial];
            long rest = tap;
            for (int axis = spatial - 1; axis >= 0; axis--)
            {
                long kernel = _w[axis + 2].ConstantValue!.Value;
                start[axis] = rest % kernel * _conv.Dilations[axis];
                rest /= kernel;
            }
            windows[tap] = _n.Emit(new Slice(
                new[] { DimExpr.Zero, DimExpr.Zero }.Concat(start).ToEquatableArray(),
                new[] { _x[0], _x[1] }.Concat(Shape.Skip(2)).ToEquatableArray(),
                new[] { 1L, 1 }.Concat(_conv.Strides).ToEquatableArray()), padded);
        }
        return windows;
    }

    /// <summary>A number for each output channel, as it meets the result.</summary>
    public Value PerChannel(Value v) => _n.Reshape(v, [_w[0], .. _conv.Strides.Select(_ => DimExpr.One)]);

    private DimExpr Positions => DimExpr.Product(Shape.Skip(2));

    private long Taps()
    {
        long taps = _w.Skip(2).Aggregate(1L, (p, k) => checked(p * k.ConstantValue!.Value));
        return taps <= MaximumTaps ? taps : throw ImportException.Invalid($"a kernel of {taps} positions is supported only with one group and constant weights, up to {MaximumTaps} otherwise");
    }
}
