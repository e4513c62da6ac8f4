using System.Collections.Immutable;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Binding;

/// <summary>
/// Finds the value of every symbolic dimension from the shapes of the inputs: a bare symbol is the size it stands for,
/// a·symbol + b is solved, every other expression is checked once its symbols are known.
/// </summary>
internal static class DimensionBinder
{
    /// <param name="overrides">Values given by the user: of dimensions that no shape shows, and of inputs that are left out.</param>
    /// <param name="state">Sizes that a state was created for; null without one.</param>
    /// <exception cref="DiagnosticException">TCC5021–TCC5028: every mismatch, by input.</exception>
    public static Dictionary<string, long> Bind(ProgramImage image, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> overrides, IReadOnlyDictionary<string, long>? state = null)
    {
        var diagnostics = new DiagnosticList();
        return Solve(image, MatchInputs(image, inputs, diagnostics), inputs, overrides, state, diagnostics);
    }

    /// <summary>Values without any input: those given, and defaults.</summary>
    /// <inheritdoc cref="Bind"/>
    public static Dictionary<string, long> BindGiven(ProgramImage image, IReadOnlyDictionary<string, long> overrides) =>
        Solve(image, [], ImmutableDictionary<string, Tensor>.Empty, overrides, null, []);

    private static Dictionary<string, long> Solve(
        ProgramImage image, List<Equation> equations, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long> overrides, IReadOnlyDictionary<string, long>? state, DiagnosticList diagnostics)
    {
        var values = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, long value) in overrides)
        {
            if (image.Dimensions.Any(d => d.Name == name))
            {
                values[name] = value;
            }
            else if (!image.Tensors.Any(t => t.Name == name && t.Fill is not null) || inputs.ContainsKey(name))
            {
                diagnostics.Add(Diagnostic.Error("TCC5021", $"the program has no dimension '{name}', and no input of this name that is left out", null, Known(image)));
            }
        }
        foreach ((string name, long value) in state ?? ImmutableDictionary<string, long>.Empty)
        {
            if (!values.TryAdd(name, value) && values[name] != value)
            {
                diagnostics.Add(Diagnostic.Error("TCC5036", $"dimension '{name}' is {values[name]}, the state was created for {value}"));
            }
        }
        foreach (DimensionSymbol d in image.Dimensions.Where(d => d.Lower == d.Upper))
        {
            values.TryAdd(d.Name, d.Lower);
        }
        while (equations.Exists(e => TrySolve(e, values)))
        {
        }
        while (image.Dimensions.FirstOrDefault(d => !values.ContainsKey(d.Name) && d.Default?.Symbols.All(values.ContainsKey) == true) is { Default: { } value } open)
        {
            values[open.Name] = Evaluate(value, values, open.Name);
        }
        CheckBounds(image, values, diagnostics);
        if (!diagnostics.HasErrors)
        {
            foreach (Equation e in equations)
            {
                Check(e, values, diagnostics);
            }
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : values;
    }

    /// <summary>An expression's value, with overflow and zero divisors as diagnostics.</summary>
    public static long Evaluate(DimExpr expression, IReadOnlyDictionary<string, long> values, string tensor)
    {
        try
        {
            return expression.Evaluate(values);
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5029", $"dimension {expression} of '{tensor}' cannot be computed: {e.Message}"));
        }
    }

    public static string ShapeText(IEnumerable<string> dimensions) => $"[{string.Join(", ", dimensions)}]";

    private static List<Equation> MatchInputs(ProgramImage image, IReadOnlyDictionary<string, Tensor> inputs, DiagnosticList diagnostics)
    {
        var equations = new List<Equation>();
        var known = image.Tensors.Where(t => t.Kind == TensorKind.Input).ToList();
        foreach (string name in inputs.Keys.Where(n => !known.Exists(t => t.Name == n)).Order(StringComparer.Ordinal))
        {
            diagnostics.Add(Diagnostic.Error("TCC5022", $"the program has no input '{name}'", null, $"its inputs are {string.Join(", ", known.Select(t => t.Name))}"));
        }
        foreach (TensorSymbol symbol in known)
        {
            string expected = $"{symbol.Type.Name()}{ShapeText(symbol.Shape.Select(e => e.ToString()))}";
            if (!inputs.TryGetValue(symbol.Name, out Tensor? tensor))
            {
                if (symbol.Fill is not null)
                {
                    continue;
                }
                diagnostics.Add(Diagnostic.Error("TCC5023", $"input '{symbol.Name}' is missing", null, $"it is {expected}"));
                continue;
            }
            string given = $"{tensor.Type.Name()}[{string.Join(", ", tensor.Shape.ToArray())}]";
            if (tensor.Type != symbol.Type)
            {
                diagnostics.Add(Diagnostic.Error("TCC5024", $"input '{symbol.Name}' has type {tensor.Type.Name()}, expected {symbol.Type.Name()}", null, $"expected {expected}, given {given}"));
            }
            else if (tensor.Rank != symbol.Shape.Length)
            {
                diagnostics.Add(Diagnostic.Error("TCC5025", $"input '{symbol.Name}' has {tensor.Rank} dimensions, expected {symbol.Shape.Length}", null, $"expected {expected}, given {given}"));
            }
            else
            {
                equations.AddRange(symbol.Shape.Select((e, axis) => new Equation(symbol.Name, axis, e, tensor.Shape[axis], expected, given)));
            }
        }
        return equations;
    }

    /// <summary>Gives the one unknown symbol of a linear expression its value; true when there is a new one.</summary>
    private static bool TrySolve(Equation e, Dictionary<string, long> values)
    {
        string[] unknown = [.. e.Expression.Symbols.Where(s => !values.ContainsKey(s))];
        if (unknown is not [string symbol])
        {
            return false;
        }
        try
        {
            // Linear in the symbol when two steps of it change the value by the same amount, checked again at the end.
            long at0 = At(0), slope = checked(At(1) - at0), rest = checked(e.Size - at0);
            if (slope == 0 || rest % slope != 0 || checked(At(2) - at0) != 2 * slope)
            {
                return false;
            }
            values[symbol] = rest / slope;
            return true;
        }
        catch (Exception exception) when (exception is OverflowException or DivideByZeroException)
        {
            return false;
        }

        long At(long value) => e.Expression.Evaluate(new Dictionary<string, long>(values) { [symbol] = value });
    }

    private static void CheckBounds(ProgramImage image, Dictionary<string, long> values, DiagnosticList diagnostics)
    {
        // Behind another error it would only repeat it; one with a default follows from those without.
        bool isFirst = !diagnostics.HasErrors;
        foreach (DimensionSymbol d in image.Dimensions.OrderBy(d => d.Default is not null))
        {
            if (!values.TryGetValue(d.Name, out long value))
            {
                if (isFirst && (d.Default is null || !diagnostics.HasErrors))
                {
                    diagnostics.Add(Diagnostic.Error("TCC5026", $"no input shape determines dimension '{d.Name}'", null, $"give it with --set {d.Name}=N, {d.Lower} to {d.Upper}"));
                }
            }
            else if (value < d.Lower || value > d.Upper)
            {
                diagnostics.Add(OutOfBounds(d, value));
            }
        }
    }

    public static Diagnostic OutOfBounds(DimensionSymbol d, long value) =>
        Diagnostic.Error("TCC5027", $"dimension '{d.Name}' is {value}, outside its bounds {d.Lower} to {d.Upper}", null, "compile with larger bounds (--bind, --context, --batch)");

    private static void Check(Equation e, Dictionary<string, long> values, DiagnosticList diagnostics)
    {
        long expected = Evaluate(e.Expression, values, e.Tensor);
        if (expected != e.Size)
        {
            string value = e.Expression.IsConstant ? "" : $" = {expected}";
            diagnostics.Add(Diagnostic.Error("TCC5028", $"input '{e.Tensor}' has size {e.Size} in dimension {e.Axis}, expected {e.Expression}{value}", null, $"expected {e.ExpectedText}, given {e.GivenText}"));
        }
    }

    private static string Known(ProgramImage image) => image.Dimensions.Length == 0 ? "it has none" : $"it has {string.Join(", ", image.Dimensions.Select(d => d.Name))}";

    private sealed record Equation(string Tensor, int Axis, DimExpr Expression, long Size, string ExpectedText, string GivenText);
}
