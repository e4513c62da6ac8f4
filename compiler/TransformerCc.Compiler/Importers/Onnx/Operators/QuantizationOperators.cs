using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Numbers as small integers or 8-bit floats with scales and zero points: x ≈ (q − zero point) · scale. Conversions compute
/// in f32 (round half to even, then saturate), products of bytes in exact int32.
/// </summary>
internal static class QuantizationOperators
{
    private const string Single = "conversions compute in f32, the most precise choice";

    private static readonly OperatorSignature s_quantize = From(10, "x", "y_scale", "y_zero_point?"), s_dequantize = From(10, "x", "x_scale", "x_zero_point?");

    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("QuantizeLinear", [
                s_quantize with { Since = 10 },
                s_quantize.Int("axis") with { Since = 13 },
                s_quantize.Int("axis").OneIsYes("saturate") with { Since = 19 },
                s_quantize.Int("axis", "block_size", "output_dtype").OneIsYes("saturate") with { Since = 21 },
                s_quantize.Int("axis", "block_size", "output_dtype").OneIsYes("saturate").Unused(AttributeKind.Int, "precision", Single) with { Since = 23 },
            ], QuantizeLinear),
        new("DequantizeLinear", [
                s_dequantize with { Since = 10 },
                s_dequantize.Int("axis") with { Since = 13 },
                s_dequantize.Int("axis", "block_size") with { Since = 21 },
                s_dequantize.Int("axis", "block_size", "output_dtype") with { Since = 23 },
            ], DequantizeLinear),
        new("DynamicQuantizeLinear", From(11, "x").Returns("y", "y_scale", "y_zero_point"), DynamicQuantizeLinear),
        new("MatMulInteger", From(10, "A", "B", "a_zero_point?", "b_zero_point?"), n => n.Return(IntegerProduct(n, n.Value(0), n.Value(1), n.Optional(2) is null ? null : n.Value(2), n.Optional(3) is null ? null : n.Value(3)))),
        new("QLinearMatMul", From(10, "a", "a_scale", "a_zero_point", "b", "b_scale", "b_zero_point", "y_scale", "y_zero_point"), QuantizedProduct),
    ];

    public static void QuantizeLinear(NodeContext n)
    {
        Value x = n.Value(0), scale = Aligned(n, n.Value(1), x);
        ElementType target = n.Optional(2) is not null ? n.Type(2).Element
            : n.Int("output_dtype", 0) is var type and not 0 ? OnnxElementTypes.Require(type) : ElementType.U8;
        Value? zero = n.Optional(2) is null ? null : Aligned(n, n.Value(2), x);
        n.Return(Quantize(n, n.Divide(n.Cast(x, ElementType.F32), n.Cast(scale, ElementType.F32)), zero, target, n.Int("saturate", 1) != 0));
    }

    public static void DequantizeLinear(NodeContext n)
    {
        Value x = n.Value(0), given = n.Value(1), scale = n.Cast(Aligned(n, given, x), ElementType.F32);
        ElementType target = n.Int("output_dtype", 0) is var type and not 0 ? OnnxElementTypes.Require(type) : given.Type.Element;
        Value? zero = n.Optional(2) is null ? null : Aligned(n, n.Value(2), x);
        // Integers are subtracted as such: the difference of two int32 is not exact in f32, that of bytes is either way.
        ElementType exact = x.Type.Element.IsFloat() ? ElementType.F32 : ElementType.I64;
        Value shifted = zero is null ? x : n.Subtract(n.Cast(x, exact), n.Cast(zero, exact));
        n.Return(n.Cast(n.Multiply(n.Cast(shifted, ElementType.F32), scale), target));
    }

    private static void DynamicQuantizeLinear(NodeContext n)
    {
        (Value quantized, Value scale, Value zero) = ByRange(n, n.Value(0));
        n.Return(quantized);
        n.Return(scale, 1);
        n.Return(zero, 2);
    }

    /// <summary>To u8 by the range of the data, which is made to include 0; with its scale and zero point.</summary>
    public static (Value Quantized, Value Scale, Value Zero) ByRange(NodeContext n, Value x)
    {
        Value none = n.Scalar(ElementType.F32, 0), steps = n.Scalar(ElementType.F32, byte.MaxValue);
        long[] axes = [.. Enumerable.Range(0, x.Type.Rank).Select(i => (long)i)];
        Value low = n.Binary(BinaryOp.Min, n.Reduce(ReduceOp.Min, x, axes, keepDims: false), none);
        Value high = n.Binary(BinaryOp.Max, n.Reduce(ReduceOp.Max, x, axes, keepDims: false), none);
        Value scale = n.Divide(n.Subtract(high, low), steps);
        Value shift = n.Divide(n.Subtract(none, low), scale);
        Value zero = n.Cast(n.Unary(UnaryOp.Round, n.Binary(BinaryOp.Min, n.Binary(BinaryOp.Max, shift, none), steps)), ElementType.U8);
        return (Quantize(n, n.Divide(x, scale), zero, ElementType.U8), scale, zero);
    }

    private static void QuantizedProduct(NodeContext n)
    {
        Value product = IntegerProduct(n, n.Value(0), n.Value(3), n.Value(2), n.Value(5));
        Value Scale(int input, bool isRow) => n.Cast(isRow ? Rows(n, n.Value(input)) : One(n, n.Value(input)), ElementType.F32);
        Value factor = n.Divide(n.Multiply(Scale(1, isRow: true), Scale(4, isRow: false)), Scale(6, isRow: true));
        n.Return(Quantize(n, n.Multiply(n.Cast(product, ElementType.F32), factor), Rows(n, n.Value(7)), n.Type(7).Element));
    }

    /// <summary>saturate(round(x) + zero); 8-bit floats round by themselves, and their zero is 0.</summary>
    /// <param name="saturates">Whether 8-bit floats do; integers always do.</param>
    public static Value Quantize(NodeContext n, Value x, Value? zero, ElementType target, bool saturates = true)
    {
        if (target.IsFloat())
        {
            return CastOperators.Convert(n, x, target, saturates);
        }
        Value shifted = n.Unary(UnaryOp.Round, x);
        shifted = zero is null ? shifted : n.Add(shifted, n.Cast(zero, ElementType.F32));
        return n.Cast(target.Bits() < 8 ? Clamp(n, shifted, target) : shifted, target);
    }

    /// <summary>
    /// Floats within the range of integers narrower than a byte: conversion to them wraps, so it is given none outside.
    /// </summary>
    public static Value Clamp(NodeContext n, Value x, ElementType target)
    {
        bool isSigned = target is ElementType.I4 or ElementType.I2;
        double values = 1 << target.Bits(), low = isSigned ? -values / 2 : 0;
        return n.Binary(BinaryOp.Min, n.Binary(BinaryOp.Max, x, n.Scalar(ElementType.F32, low)), n.Scalar(ElementType.F32, low + values - 1));
    }

    /// <summary>(A − a)·(B − b) = A·B − a·Σ_k B − b·Σ_k A + K·a·b, in int32.</summary>
    public static Value IntegerProduct(NodeContext n, Value left, Value right, Value? leftZero, Value? rightZero)
    {
        if (left.Type.Element is not (ElementType.I8 or ElementType.U8) || right.Type.Element is not (ElementType.I8 or ElementType.U8))
        {
            throw ImportException.Invalid($"a product of {left.Type.Element.Name()} and {right.Type.Element.Name()} is not one of bytes");
        }
        bool row = left.Type.Rank == 1, column = right.Type.Rank == 1;
        Value a = row ? n.Reshape(left, [1, .. left.Type.Shape]) : left, b = column ? n.Reshape(right, [.. right.Type.Shape, 1]) : right;
        Value product = n.Emit(new GraphIR.Operators.MatMul(), a, b);
        Value? p = Zero(leftZero, isRow: true), q = Zero(rightZero, isRow: false);
        if (p is not null)
        {
            product = n.Subtract(product, n.Multiply(p, n.Reduce(ReduceOp.Sum, n.Cast(b, ElementType.I32), [b.Type.Rank - 2], keepDims: true)));
        }
        if (q is not null)
        {
            product = n.Subtract(product, n.Multiply(n.Reduce(ReduceOp.Sum, n.Cast(a, ElementType.I32), [a.Type.Rank - 1], keepDims: true), q));
        }
        if (p is not null && q is not null)
        {
            product = n.Add(product, n.Multiply(n.Multiply(p, q), n.Cast(n.Length(a.Type.Shape.Last), ElementType.I32)));
        }
        int rank = product.Type.Rank;
        return n.Reshape(product, product.Type.Shape.Where((_, i) => !(row && i == rank - 2) && !(column && i == rank - 1)));

        Value? Zero(Value? zero, bool isRow) => zero is null || IsZero(zero) ? null : n.Cast(isRow ? Rows(n, zero) : One(n, zero), ElementType.I32);
    }

    /// <summary>Whether the first byte is 0, and every other as the one before it.</summary>
    private static bool IsZero(Value value) =>
        value.ConstantData is { } data && (data.Count == 0 || (data.Bytes(0, 1)[0] == 0 && data.HasBytesOf(data, 1, data.ByteCount - 1)));

    /// <summary>A number per row of a matrix, or one.</summary>
    private static Value Rows(NodeContext n, Value value) => value.Type.Rank == 1 && !value.Type.Shape[0].Is(1) ? n.Reshape(value, [value.Type.Shape[0], 1]) : One(n, value);

    /// <summary>A vector of one number has no dimension.</summary>
    public static Value One(NodeContext n, Value value) => value.Type.Rank == 1 && value.Type.Shape[0].Is(1) ? n.Reshape(value, []) : value;

    /// <summary>A scale or zero point as it meets x: one, a vector along an axis, or one for each block along the axis.</summary>
    private static Value Aligned(NodeContext n, Value value, Value x)
    {
        EquatableArray<DimExpr> shape = x.Type.Shape, own = value.Type.Shape;
        if (own.Count == 0 || (own.Count == 1 && own[0].Is(1)))
        {
            return n.Reshape(value, []);
        }
        int axis = AxisRules.Normalize(n.Int("axis", 1), shape.Count);
        if (own.Count == 1)
        {
            return n.Reshape(value, shape.Select((_, i) => i == axis ? own[0] : DimExpr.One));
        }
        long block = n.Int("block_size", 0);
        if (own.Count != shape.Count || block <= 0)
        {
            throw ImportException.Invalid($"scales of shape {own} for a tensor of shape {shape} in blocks of {block}");
        }
        Value repeated = n.Broadcast(n.Reshape(value, [.. own.Take(axis + 1), DimExpr.One, .. own.Skip(axis + 1)]), [.. own.Take(axis + 1), block, .. own.Skip(axis + 1)]);
        Value wide = n.Reshape(repeated, own.Select((d, i) => i == axis ? d * block : d));
        return wide.Type.Shape[axis] == shape[axis] ? wide : n.SliceAxis(wide, axis, 0, shape[axis]);
    }
}
