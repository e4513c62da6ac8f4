using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Symbolic;

/// <summary>
/// An element whose value is known exactly at import: numerator / denominator, the numerator an expression over the
/// model's dimensions. Integers and booleans (0 and 1) have the denominator 1.
/// </summary>
internal readonly record struct Exact(DimExpr Numerator, long Denominator)
{
    public static Exact Of(DimExpr value) => new(value, 1);

    public static Exact Of(bool value) => new(value ? DimExpr.One : DimExpr.Zero, 1);

    public bool IsInteger => Denominator == 1;

    /// <summary>The integer expression; null for a fraction.</summary>
    public DimExpr? Integer => IsInteger ? Numerator : null;

    /// <summary>The value when no dimension takes part.</summary>
    public long? Constant => IsInteger ? Numerator.ConstantValue : null;

    /// <summary>The fraction that equals a finite float; null when its parts are too large for exact arithmetic.</summary>
    public static Exact? OfFloat(double value)
    {
        const double limit = 1L << 53;
        long denominator = 1;
        while (double.IsFinite(value) && value != Math.Floor(value) && denominator < 1L << 40)
        {
            value *= 2;
            denominator *= 2;
        }
        return Math.Abs(value) <= limit && value == Math.Floor(value) ? new Exact((long)value, denominator) : null;
    }
}
