using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx.Symbolic;

/// <summary>
/// The arithmetic of shape computations. A result is null when it cannot be proved for every value of the dimensions
/// within their bounds: an integer that might leave its type, a float that might be rounded, a comparison that might go
/// either way.
/// </summary>
internal sealed class ExactArithmetic(DimensionTable dimensions)
{
    // Expressions beyond this are no shapes that a program could compute with; hostile models grow them without end.
    private const int MaximumTerms = 64;
    private const int MaximumText = 2048;

    public Exact? Add(ElementType type, Exact a, Exact b) =>
        Check(type, (a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), (Int128)a.Denominator * b.Denominator);

    public Exact? Subtract(ElementType type, Exact a, Exact b) =>
        Check(type, (a.Numerator * b.Denominator) - (b.Numerator * a.Denominator), (Int128)a.Denominator * b.Denominator);

    public Exact? Multiply(ElementType type, Exact a, Exact b) =>
        Check(type, a.Numerator * b.Numerator, (Int128)a.Denominator * b.Denominator);

    /// <summary>Integers truncate towards zero; floats stay fractions, which only rounding to an integer may use.</summary>
    public Exact? Divide(ElementType type, Exact a, Exact b)
    {
        if (!type.IsFloat())
        {
            return Sign(b.Numerator) == 0 ? null : Truncate(a.Numerator, b.Numerator) is { } q ? Check(type, q, 1) : null;
        }
        if (b.Numerator.ConstantValue is not { } divisor || divisor == 0)
        {
            return null;
        }
        DimExpr numerator = a.Numerator * b.Denominator * Math.Sign(divisor);
        Int128 denominator = (Int128)a.Denominator * Math.Abs(divisor);
        return Check(type, numerator, denominator, isQuotient: true);
    }

    public Exact? Modulo(ElementType type, Exact a, Exact b, bool signOfDividend)
    {
        if (type.IsFloat() || Sign(b.Numerator) is not (1 or -1))
        {
            return null;
        }
        bool floored = !signOfDividend || (IsAtLeast(a.Numerator, 0) && Sign(b.Numerator) == 1);
        return floored ? Check(type, DimExpr.Mod(a.Numerator, b.Numerator), 1)
            : Truncate(a.Numerator, b.Numerator) is { } q ? Check(type, a.Numerator - (q * b.Numerator), 1) : null;
    }

    public Exact? Negate(ElementType type, Exact a) => Check(type, -a.Numerator, a.Denominator);

    public Exact? Absolute(ElementType type, Exact a) => IsAtLeast(a.Numerator, 0) ? a : IsAtLeast(-a.Numerator, 0) ? Negate(type, a) : null;

    public Exact? Minimum(ElementType type, Exact a, Exact b) => Extremum(type, a, b, minimum: true);

    public Exact? Maximum(ElementType type, Exact a, Exact b) => Extremum(type, a, b, minimum: false);

    public Exact? Floor(ElementType type, Exact a) => Check(type, DimExpr.FloorDiv(a.Numerator, a.Denominator), 1);

    public Exact? Ceiling(ElementType type, Exact a) => Check(type, -DimExpr.FloorDiv(-a.Numerator, a.Denominator), 1);

    /// <summary>Conversion to another type; float to integer truncates towards zero.</summary>
    public Exact? Cast(ElementType to, Exact a)
    {
        if (to == ElementType.Bool)
        {
            return Equal(a, Exact.Of(0)) is { } zero ? Exact.Of(!zero) : null;
        }
        return to.IsFloat() ? Check(to, a.Numerator, a.Denominator)
            : Truncate(a.Numerator, a.Denominator) is { } q ? Check(to, q, 1) : null;
    }

    /// <summary>a = b: true or false when that holds for all values of the dimensions.</summary>
    public bool? Equal(Exact a, Exact b)
    {
        if (!IsExact(a) || !IsExact(b))
        {
            return null;
        }
        DimExpr difference = Difference(a, b);
        DimInterval bounds = dimensions.Bounds(difference);
        return difference.Is(0) ? true : bounds.Lower > 0 || bounds.Upper < 0 ? false : null;
    }

    /// <summary>a &lt; b, likewise.</summary>
    public bool? Less(Exact a, Exact b)
    {
        if (!IsExact(a) || !IsExact(b))
        {
            return null;
        }
        DimInterval bounds = dimensions.Bounds(Difference(a, b));
        return bounds.Upper < 0 ? true : bounds.Lower >= 0 ? false : null;
    }

    /// <summary>False for a quotient whose float value is rounded.</summary>
    private static bool IsExact(Exact a) => long.IsPow2(a.Denominator);

    private static DimExpr Difference(Exact a, Exact b) => (a.Numerator * b.Denominator) - (b.Numerator * a.Denominator);

    private bool IsAtLeast(DimExpr e, long limit) => dimensions.Bounds(e).Lower >= limit;

    /// <summary>1 or −1 when the sign is certain, otherwise 0.</summary>
    private int Sign(DimExpr e) => dimensions.Bounds(e) is var b && b.Lower > 0 ? 1 : b.Upper < 0 ? -1 : 0;

    private DimExpr? Truncate(DimExpr a, DimExpr b)
    {
        if (Sign(b) == -1)
        {
            return Truncate(-a, -b);
        }
        return Sign(b) == 0 ? null : IsAtLeast(a, 0) ? DimExpr.FloorDiv(a, b) : IsAtLeast(-a, 0) ? -DimExpr.FloorDiv(-a, b) : null;
    }

    private Exact? Extremum(ElementType type, Exact a, Exact b, bool minimum)
    {
        DimInterval d = dimensions.Bounds(Difference(a, b));
        if (d.Upper <= 0 || d.Lower >= 0)
        {
            return (d.Upper <= 0) == minimum ? a : b;
        }
        return a.Integer is { } x && b.Integer is { } y ? Check(type, minimum ? DimExpr.Min(x, y) : DimExpr.Max(x, y), 1) : null;
    }

    /// <summary>The result, if it certainly fits its type: integers within range, floats without rounding.</summary>
    private Exact? Check(ElementType type, DimExpr numerator, Int128 denominator, bool isQuotient = false)
    {
        if (numerator.Terms.Length > MaximumTerms || numerator.ToString().Length > MaximumText || denominator > 1L << 40)
        {
            return null;
        }
        DimInterval bounds = dimensions.Bounds(numerator);
        if (!type.IsFloat())
        {
            bool fits = type switch
            {
                // Bounds saturate; a constant at the limit itself is how slices say "to the end".
                ElementType.I64 => numerator.IsConstant || (bounds.Lower > long.MinValue && bounds.Upper < long.MaxValue),
                ElementType.I32 => bounds.Lower >= int.MinValue && bounds.Upper <= int.MaxValue,
                ElementType.Bool => true,
                _ => false,
            };
            return fits ? new Exact(numerator, 1) : null;
        }
        // Below 2^p, p the bits of the significand, integers and fractions of a power of two are exact, and a correctly
        // rounded quotient of two integers never reaches or leaves the next integer.
        long exact = type switch { ElementType.F64 => 1L << 53, ElementType.F32 => 1L << 24, ElementType.F16 => 1L << 11, _ => 1L << 8 };
        if (bounds.Lower <= -exact || bounds.Upper >= exact)
        {
            return null;
        }
        if (numerator.ConstantValue is { } value)
        {
            long divisor = Divisor(Math.Abs(value), (long)denominator);
            (numerator, denominator) = (value / divisor, denominator / divisor);
        }
        else if (DimExpr.FloorDiv(numerator, (long)denominator) is var whole && (whole * (long)denominator).Equals(numerator))
        {
            (numerator, denominator) = (whole, 1);
        }
        bool dyadic = Int128.IsPow2(denominator);
        return dyadic || (isQuotient && denominator < exact) ? new Exact(numerator, (long)denominator) : null;
    }

    private static long Divisor(long a, long b) => a == 0 ? b : b % a == 0 ? a : Divisor(b % a, a);
}
