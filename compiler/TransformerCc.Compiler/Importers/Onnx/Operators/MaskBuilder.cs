using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>Positions and comparisons of positions, which masks are made of.</summary>
internal static class MaskBuilder
{
    /// <summary>start, start + 1, … as i64 along one axis of a shape that is 1 elsewhere.</summary>
    public static Value Positions(this NodeContext n, DimExpr count, int rank, int axis, DimExpr? start = null) =>
        n.Emit(new Iota(ElementType.I64, Enumerable.Range(0, rank).Select(i => i == axis ? count : DimExpr.One).ToEquatableArray(), axis, start ?? DimExpr.Zero, 1));

    /// <summary>[queries, keys]: true where key j ≤ query i + offset.</summary>
    public static Value CausalMask(this NodeContext n, DimExpr queries, DimExpr keys, DimExpr offset) =>
        n.Binary(BinaryOp.LessOrEqual, n.Positions(keys, 2, 1), n.Positions(queries, 2, 0, offset));

    /// <summary>Integers of any width as i64 with the given shape.</summary>
    public static Value Integers(this NodeContext n, Value x, params DimExpr[] shape) => n.Cast(n.Reshape(x, shape), ElementType.I64);
}
