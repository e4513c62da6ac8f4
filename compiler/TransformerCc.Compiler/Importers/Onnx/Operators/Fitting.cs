using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// Operators that relate the dimensions of their inputs: a mask is as long as the past and the new keys together, though
/// the model calls its dimension total_sequence_length.
/// </summary>
internal static class Fitting
{
    /// <summary>
    /// x with exactly these dimensions. Where a dimension of the model is another expression, the leading elements are
    /// taken, which are all of them in a valid call; a tensor that is too short is trapped at run time.
    /// </summary>
    public static Value Fit(NodeContext n, Value x, IReadOnlyList<DimExpr> shape, string what)
    {
        if (x.Type.Rank != shape.Count)
        {
            throw ImportException.Invalid($"{what} has {x.Type.Rank} dimensions, {shape.Count} are expected");
        }
        for (int axis = 0; axis < shape.Count; axis++)
        {
            x = FitAxis(n, x, axis, shape[axis], what);
        }
        return x;
    }

    /// <summary>x with every dimension either 1 or as in the shape, leading dimensions missing as numpy allows.</summary>
    public static Value FitBroadcast(NodeContext n, Value x, IReadOnlyList<DimExpr> shape, string what)
    {
        int lead = shape.Count - x.Type.Rank;
        if (lead < 0)
        {
            throw ImportException.Invalid($"{what} has {x.Type.Rank} dimensions, at most {shape.Count} are expected");
        }
        for (int axis = 0; axis < x.Type.Rank; axis++)
        {
            x = x.Type.Shape[axis].Is(1) ? x : FitAxis(n, x, axis, shape[lead + axis], what);
        }
        return x;
    }

    private static Value FitAxis(NodeContext n, Value x, int axis, DimExpr size, string what)
    {
        DimExpr actual = x.Type.Shape[axis];
        if (actual == size)
        {
            return x;
        }
        return actual.ConstantValue is { } have && size.ConstantValue is { } want && have != want
            ? throw ImportException.Invalid($"dimension {axis} of {what} is {have}, {want} is expected")
            : n.SliceAxis(x, axis, DimExpr.Zero, size);
    }
}
