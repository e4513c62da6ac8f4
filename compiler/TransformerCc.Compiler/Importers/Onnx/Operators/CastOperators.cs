using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Importers.Onnx.Symbolic;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Compiler.Importers.Onnx.Operators.OperatorSignature;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Conversions between element types.</summary>
internal static class CastOperators
{
    public static IReadOnlyList<OperatorEntry> Entries { get; } =
    [
        new("Cast",
            [From(6, "input").Int("to").Required("to"), From(19, "input").Int("to").OneIsYes("saturate").Required("to"), From(24, "input").Int("to").OneIsYes("saturate").Only("round_mode", "up", Rounding).Required("to")],
            n => n.Return(Convert(n, n.Value(0), OnnxElementTypes.Require(n.Int("to", 0)), Saturates(n)))) { Fold = (n, _) => Fold(n, OnnxElementTypes.Require(n.Int("to", 0))) },
        new("CastLike",
            [From(15, "input", "target_type"), From(19, "input", "target_type").OneIsYes("saturate"), From(24, "input", "target_type").OneIsYes("saturate").Only("round_mode", "up", Rounding)],
            n => n.Return(Convert(n, n.Value(0), n.Type(1).Element, Saturates(n)))) { Fold = (n, _) => Fold(n, n.Type(1).Element) },
    ];

    private const string Rounding = "conversions to E8M0 round up";

    private static bool Saturates(NodeContext n) => n.Int("saturate", 1) != 0;

    private static Contents? Fold(NodeContext n, ElementType to) => n.Contents(0)?.Map(to, x => n.Exact.Cast(to, x));

    /// <summary>
    /// The conversion of the machine saturates finite values to 8-bit floats. What ONNX says beyond that (Cast, table of
    /// float 8) is composed: saturating E5M2 takes infinities along; without saturation what would round beyond the
    /// largest value becomes infinity in E5M2 and NaN in the others.
    /// </summary>
    public static Value Convert(NodeContext n, Value x, ElementType to, bool saturates = true)
    {
        if (Overflow(to) is not { } overflow || !x.Type.Element.IsFloat() || x.Type.Element.Size() == 1)
        {
            return n.Cast(x, to);
        }
        x = n.Cast(x, ElementType.F32);
        Value Number(double value) => n.Scalar(ElementType.F32, value);
        if (saturates)
        {
            return n.Cast(to == ElementType.F8E5M2 ? n.Binary(BinaryOp.Max, n.Binary(BinaryOp.Min, x, Number(overflow.Largest)), Number(-overflow.Largest)) : x, to);
        }
        double infinity = to == ElementType.F8E5M2 ? double.PositiveInfinity : double.NaN;
        Value above = n.Select(n.Binary(overflow.First, x, Number(overflow.Limit)), Number(infinity), x);
        return n.Cast(n.Select(n.Binary(overflow.First == BinaryOp.Greater ? BinaryOp.Less : BinaryOp.LessOrEqual, x, Number(-overflow.Limit)), Number(-infinity), above), to);
    }

    /// <summary>
    /// The largest value, and which values overflow: those above the midpoint to the next value there would be, and the
    /// midpoint itself where that value is the even one.
    /// </summary>
    private static (double Largest, BinaryOp First, double Limit)? Overflow(ElementType to) => to switch
    {
        ElementType.F8E4M3 => (448, BinaryOp.Greater, 464),
        ElementType.F8E4M3FNUZ => (240, BinaryOp.GreaterOrEqual, 248),
        ElementType.F8E5M2 or ElementType.F8E5M2FNUZ => (57344, BinaryOp.GreaterOrEqual, 61440),
        _ => null,
    };
}
