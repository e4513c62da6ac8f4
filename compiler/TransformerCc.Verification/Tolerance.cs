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

    /// <summary>
    /// How far an element may be from its golden, in the output's own unit. Only itself is near NaN or infinity, whatever the rule.
    /// </summary>
    /// <param name="largest">max |golden| of the output.</param>
    public double Allowed(double golden, double largest) => double.IsFinite(golden) ? AllowedFinite(golden, largest) : 0;

    /// <summary>Whether one float output passes.</summary>
    public virtual bool Accepts(ErrorMeasures errors, ReadOnlySpan<double> actual, ReadOnlySpan<double> golden)
    {
        for (int i = 0; i < golden.Length; i++)
        {
            if (!(ErrorMeasures.ErrorOf(actual[i], golden[i]) <= Allowed(golden[i], errors.MaxGolden)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The largest error as a share of what is allowed at its element; above 1 an output fails.</summary>
    public double ShareOfAllowed(ErrorMeasures errors, ReadOnlySpan<double> actual, ReadOnlySpan<double> golden)
    {
        double share = 0;
        for (int i = 0; i < golden.Length; i++)
        {
            double error = ErrorMeasures.ErrorOf(actual[i], golden[i]);
            share = error == 0 ? share : Math.Max(share, error / Allowed(golden[i], errors.MaxGolden));
        }
        return share;
    }

    /// <summary>Integers and booleans are exact under every rule.</summary>
    public abstract override string ToString();

    protected abstract double AllowedFinite(double golden, double largest);
}

/// <summary>Largest error ≤ <paramref name="Scale"/> × the output's largest |golden|, and cosine ≥ <paramref name="Cosine"/>.</summary>
public sealed record ScaledTolerance(double Scale, double? Cosine) : Tolerance
{
    public override Tolerance For(ElementType output) => output.IsFloat() && Of(output) is ScaledTolerance own && own.Scale > Scale ? own : this;

    public override bool Accepts(ErrorMeasures errors, ReadOnlySpan<double> actual, ReadOnlySpan<double> golden) =>
        base.Accepts(errors, actual, golden) && !MissesCosine(errors);

    /// <summary>Whether the direction is wrong, however small the errors.</summary>
    public bool MissesCosine(ErrorMeasures errors) => Cosine is double least && !(errors.Cosine >= least);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"largest error <= {Scale} x largest |golden|{(Cosine is double c ? string.Create(CultureInfo.InvariantCulture, $", cosine >= {c}") : "")}; integers exact");

    protected override double AllowedFinite(double golden, double largest) => Scale * largest;
}

/// <summary>|error| ≤ <paramref name="Absolute"/> + <paramref name="Relative"/> · |golden| for every element.</summary>
public sealed record ElementTolerance(double Absolute, double Relative) : Tolerance
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"|error| <= {Absolute} + {Relative} x |golden|; integers exact");

    protected override double AllowedFinite(double golden, double largest) => Absolute + (Relative * Math.Abs(golden));
}
