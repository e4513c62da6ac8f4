namespace TransformerCc.Isa.Symbolic;

/// <summary>A closed interval of integers, saturating at the 64-bit limits.</summary>
public readonly record struct DimInterval(long Lower, long Upper)
{
    public static DimInterval operator +(DimInterval a, DimInterval b) => new(Clamp((Int128)a.Lower + b.Lower), Clamp((Int128)a.Upper + b.Upper));

    public static DimInterval operator *(DimInterval a, DimInterval b)
    {
        Span<Int128> products = [(Int128)a.Lower * b.Lower, (Int128)a.Lower * b.Upper, (Int128)a.Upper * b.Lower, (Int128)a.Upper * b.Upper];
        Int128 low = products[0], high = products[0];
        foreach (Int128 p in products)
        {
            low = Int128.Min(low, p);
            high = Int128.Max(high, p);
        }
        return new(Clamp(low), Clamp(high));
    }

    public static DimInterval Add(DimInterval left, DimInterval right) => left + right;

    public static DimInterval Multiply(DimInterval left, DimInterval right) => left * right;

    /// <summary>⌊a / b⌋; a divisor interval that holds zero is narrowed to its positive part (a zero divisor is an error at run time).</summary>
    public static DimInterval FloorDiv(DimInterval a, DimInterval b)
    {
        long low = b.Lower == 0 || (b.Lower < 0 && b.Upper > 0) ? 1 : b.Lower, high = b.Upper == 0 ? 1 : b.Upper;
        Span<long> q = [DimExpr.FloorDivide(a.Lower, low), DimExpr.FloorDivide(a.Lower, high), DimExpr.FloorDivide(a.Upper, low), DimExpr.FloorDivide(a.Upper, high)];
        long min = q[0], max = q[0];
        foreach (long x in q)
        {
            min = long.Min(min, x);
            max = long.Max(max, x);
        }
        return new(min, max);
    }

    private static long Clamp(Int128 value) => value > long.MaxValue ? long.MaxValue : value < long.MinValue ? long.MinValue : (long)value;
}
