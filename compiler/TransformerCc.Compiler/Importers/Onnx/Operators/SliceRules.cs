using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>
/// ONNX clamps the bounds of a slice to the tensor. With symbolic sizes the clamped bounds are expressions, made as
/// simple as the bounds of the dimensions allow.
/// </summary>
internal sealed class SliceRules(DimensionTable dimensions, string location)
{
    /// <summary>Start and number of elements along an axis of <paramref name="extent"/> elements.</summary>
    /// <param name="isTable">The data is constant: reading past its end is a limit of the model, not a wish.</param>
    public (DimExpr Start, DimExpr Size) Resolve(DimExpr start, DimExpr end, long step, DimExpr extent, bool isTable)
    {
        if (step == 0)
        {
            throw new ImportException(ImportCodes.BadNode, "a step is 0");
        }
        if (step > 0)
        {
            DimExpr from = Clamp(FromFront(start, extent), 0, extent, false);
            DimExpr to = Clamp(FromFront(end, extent), 0, extent, isTable);
            return (from, Count(to - from, step));
        }
        DimExpr first = Clamp(FromFront(start, extent), 0, extent - 1, isTable);
        // One before the first element is written as a very negative number, since −1 means the last.
        DimExpr last = Clamp(FromFront(end, extent), -1, extent - 1, isTable);
        return (first, Count(first - last, -step));
    }

    private DimExpr Count(DimExpr distance, long step)
    {
        DimInterval bounds = dimensions.Bounds(distance);
        distance = bounds.Upper <= 0 ? DimExpr.Zero : bounds.Lower < 0 ? DimExpr.Max(distance, DimExpr.Zero) : distance;
        return DimExpr.CeilDiv(distance, step);
    }

    private DimExpr FromFront(DimExpr position, DimExpr extent)
    {
        DimInterval bounds = dimensions.Bounds(position);
        return bounds.Lower >= 0 ? position : bounds.Upper < 0 ? position + extent
            : throw new ImportException(ImportCodes.Shape, $"whether the position {position} counts from the front or from the end depends on the sizes", ShapeHelpText(position));
    }

    private DimExpr Clamp(DimExpr position, DimExpr low, DimExpr high, bool isTable)
    {
        DimInterval below = dimensions.Bounds(position - low);
        position = below.Upper <= 0 ? low : below.Lower < 0 ? DimExpr.Max(position, low) : position;
        DimInterval above = dimensions.Bounds(position - high);
        if (above.Upper <= 0)
        {
            return position;
        }
        if (above.Lower >= 0)
        {
            return high;
        }
        return isTable && high.ConstantValue is { } limit && dimensions.Tighten(position, limit, location, $"a constant table of {limit} entries is sliced up to {position}")
            ? position : DimExpr.Min(position, high);
    }

    private static string ShapeHelpText(DimExpr e) => $"fix a size: {string.Join(' ', e.Symbols.Select(s => $"--bind {s}=N"))}";
}
