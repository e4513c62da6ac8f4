using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>NumPy's broadcasting: shapes aligned at the right; a dimension that is the constant 1 stretches.</summary>
public static class Broadcasting
{
    /// <summary>The common shape; throws <see cref="ShapeException"/> naming two dimensions that differ and are not 1.</summary>
    public static EquatableArray<DimExpr> Shape(EquatableArray<DimExpr> a, EquatableArray<DimExpr> b)
    {
        var result = new DimExpr[int.Max(a.Count, b.Count)];
        for (int i = 1; i <= result.Length; i++)
        {
            DimExpr x = i <= a.Count ? a[a.Count - i] : DimExpr.One, y = i <= b.Count ? b[b.Count - i] : DimExpr.One;
            if (x != y && !x.Is(1) && !y.Is(1))
            {
                throw new ShapeException($"shapes {a} and {b} do not broadcast: {x} and {y} differ") { Differing = (x, y) };
            }
            result[^i] = x.Is(1) ? y : x;
        }
        return result.ToEquatableArray();
    }

    /// <summary>Whether <paramref name="shape"/> stretches to exactly <paramref name="target"/>.</summary>
    public static bool StretchesTo(EquatableArray<DimExpr> shape, EquatableArray<DimExpr> target)
    {
        if (shape.Count > target.Count)
        {
            return false;
        }
        for (int i = 1; i <= shape.Count; i++)
        {
            DimExpr d = shape[shape.Count - i];
            if (!d.Is(1) && d != target[target.Count - i])
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The common shape of actual sizes.</summary>
    public static long[] Shape(ReadOnlySpan<long> a, ReadOnlySpan<long> b)
    {
        var result = new long[int.Max(a.Length, b.Length)];
        for (int i = 1; i <= result.Length; i++)
        {
            long x = i <= a.Length ? a[^i] : 1, y = i <= b.Length ? b[^i] : 1;
            ShapeRules.Expect(x == y || x == 1 || y == 1, $"sizes {x} and {y} do not broadcast");
            result[^i] = x == 1 ? y : x;
        }
        return result;
    }
}
