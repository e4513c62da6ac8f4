using System.Globalization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>When an output counts as right.</summary>
public abstract record Tolerance
{
    /// <summary>The rule of a compile precision, used when the user gives none.</summary>
    public static Tolerance Of(ElementType precision) => precision switch
    {
        ElementType.F32 or ElementType.F64 => new ScaledTolerance(1e-4, null),
        ElementType.F16 or ElementType.BF16 => new ScaledTolerance(2e-2, 0.999),
        _ => new ScaledTolerance(1e-1, 0.99),
    };

    /// <summary>The rule for an output of a type: a rule of a precision yields to that of a coarser type, one the user gave does not.</summary>
    public virtual Tolerance For(ElementType output) => this;

    /// <summary>Whether one float output passes.</summary>
    public abstract bool Accepts(ErrorMeasures errors, ReadOnlySpan<double> actual, ReadOnlySpan<double> golden);

    /// <summary>Integers and booleans are exact under every rule.</summary>
    public abstract override string ToString();
}

/// <summary>Largest error ≤ <paramref name="Scale"/> × the output's largest |golden|, and cosine ≥ <paramref name="Cosine"/>.</summary>
public sealed record ScaledTolerance(double Scale, double? Cosine) : Tolerance
{
    public override Tolerance For(ElementType output) => output.IsFloat() && Of(output) is ScaledTolerance own && own.Scale > Scale ? own : this;

    public override bool Accepts(ErrorMeasures errors, ReadOnlySpan<double> actual, ReadOnlySpan<double> golden) =>
        errors.MaxAbsolute <= Scale * errors.MaxGolden && (Cosine is not double least || errors.Cosine >= least);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"largest error <= {Scale} x largest |golden|{(Cosine is double c ? string.Create(CultureInfo.InvariantCulture, $", cosine >= {c}") : "")}; integers exact");
}

/// <summary>|error| ≤ <paramref name="Absolute"/> + <paramref name="Relative"/> · |golden| for every element.</summary>
public sealed record ElementTolerance(double Absolute, double Relative) : Tolerance
{
    public override bool Accepts(ErrorMeasures errors, ReadOnlySpan<double> actual, ReadOnlySpan<double> golden)
    {
        for (int i = 0; i < golden.Length; i++)
        {
            if (!(ErrorMeasures.ErrorOf(actual[i], golden[i]) <= Absolute + Relative * Math.Abs(golden[i])))
            {
                return false;
            }
        }
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"|error| <= {Absolute} + {Relative} x |golden|; integers exact");
}
