using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// How a cache of GroupQueryAttention holds its numbers: as they are, or as codes q with x ≈ q · scale, without a zero
/// point. Codes are −128 … 127 in int8, 8-bit floats, or −8 … 7 in uint8: two in a byte, that of the even column in its low
/// half, 8 added to each. The scale is one, or one for each head and column.
/// </summary>
/// <param name="Element">The type of the cache.</param>
/// <param name="Scale">Float32, without dimensions or [1, heads, 1, width]; null when numbers are kept as they are.</param>
internal sealed record CacheCodes(ElementType Element, Value? Scale)
{
    private const double NibbleOffset = 8, NibbleValues = 16;

    private bool IsPacked => Scale is not null && Element == ElementType.U8;

    /// <param name="kind">The attribute: NONE, PER_TENSOR or PER_CHANNEL.</param>
    /// <param name="past">The type of the past; null when there is none.</param>
    public static CacheCodes Of(NodeContext n, string kind, int scaleInput, Heads current, TensorType? past)
    {
        string granularity = n.Text(kind, "NONE");
        long bits = n.Int("kv_cache_bit_width", 0);
        if (granularity == "NONE")
        {
            ElementType type = current.Tensor.Type.Element;
            return (past?.Element ?? type) == type ? new CacheCodes(type, null)
                : throw ImportException.Invalid($"the past {past} is not of the type of the keys, {type.Name()}, though {kind} is NONE", $"set {kind} to PER_TENSOR or PER_CHANNEL, with a scale as input {scaleInput}");
        }
        if (granularity is not ("PER_TENSOR" or "PER_CHANNEL"))
        {
            throw ImportException.Invalid($"{kind} '{granularity}' is none of NONE, PER_TENSOR and PER_CHANNEL", "export the model again with one of the three");
        }
        ElementType element = (bits, past?.Element) switch
        {
            (4, null or ElementType.U8) => ElementType.U8,
            (8, null or ElementType.I8) => ElementType.I8,
            (8, ElementType.F8E4M3) => ElementType.F8E4M3,
            _ => throw ImportException.Invalid($"kv_cache_bit_width {bits} with a past of {past?.Element.Name() ?? "no type"} is none of 4 with uint8, 8 with int8 and 8 with float8e4m3fn",
                "export the model again with one of the three"),
        };
        return new CacheCodes(element, Scales(n, granularity, scaleInput, current));
    }

    private static Value Scales(NodeContext n, string granularity, int scaleInput, Heads current)
    {
        Value scale = n.Cast(n.Value(scaleInput), ElementType.F32);
        DimExpr count = DimExpr.Product(scale.Type.Shape), each = current.Count * current.Width;
        DimExpr expected = granularity == "PER_TENSOR" ? DimExpr.One : each;
        return count == expected ? n.Reshape(scale, granularity == "PER_TENSOR" ? [] : [DimExpr.One, current.Count, DimExpr.One, current.Width])
            : throw ImportException.Invalid($"the scale {scale.Type} has {count} elements, {granularity} needs {expected}", "give one for the tensor, or one for each head and column");
    }

    /// <summary>The width of a row of the cache that holds rows of so many numbers.</summary>
    public DimExpr Columns(DimExpr width) => !IsPacked ? width
        : width.ConstantValue is { } w && w % 2 == 0 ? DimExpr.Constant(w / 2) : throw ImportException.Invalid($"rows of {width} numbers cannot be packed in pairs", "use kv_cache_bit_width 8");

    /// <summary>[batch, heads, length, width] of floats as the cache holds them.</summary>
    public Value Encode(NodeContext n, Heads x)
    {
        Value rows = x.HeadMajor(n).Tensor;
        if (Scale is null)
        {
            return rows;
        }
        Value scaled = n.Divide(n.Cast(rows, ElementType.F32), Scale);
        if (!IsPacked)
        {
            return QuantizationOperators.Quantize(n, scaled, null, Element);
        }
        Value codes = n.Add(QuantizationOperators.Clamp(n, n.Unary(UnaryOp.Round, scaled), ElementType.I4), n.Scalar(ElementType.F32, NibbleOffset));
        EquatableArray<DimExpr> shape = rows.Type.Shape;
        DimExpr[] packed = [.. shape.Take(3), Columns(shape[3])];
        Value pairs = n.Reshape(codes, [.. packed, 2]);
        Value Half(int i) => n.Reshape(n.SliceAxis(pairs, 4, i, 1), packed);
        return n.Cast(n.Add(Half(0), n.Multiply(Half(1), n.Scalar(ElementType.F32, NibbleValues))), ElementType.U8);
    }

    /// <summary>Rows of the cache as floats of the given type, in the order batch, heads, length, width.</summary>
    public Heads Decode(NodeContext n, Value rows, ElementType type)
    {
        if (Scale is null)
        {
            return new Heads(rows, HeadLayout.BHSD);
        }
        Value codes = n.Cast(rows, ElementType.F32);
        if (IsPacked)
        {
            EquatableArray<DimExpr> shape = rows.Type.Shape;
            Value high = n.Unary(UnaryOp.Floor, n.Multiply(codes, n.Scalar(ElementType.F32, 1 / NibbleValues)));
            Value low = n.Subtract(codes, n.Multiply(high, n.Scalar(ElementType.F32, NibbleValues)));
            Value pairs = n.Emit(new Concat(4), n.Reshape(low, [.. shape, 1]), n.Reshape(high, [.. shape, 1]));
            codes = n.Subtract(n.Reshape(pairs, [.. shape.Take(3), shape[3] * 2]), n.Scalar(ElementType.F32, NibbleOffset));
        }
        return new Heads(n.Cast(n.Multiply(codes, Scale), type), HeadLayout.BHSD);
    }
}
