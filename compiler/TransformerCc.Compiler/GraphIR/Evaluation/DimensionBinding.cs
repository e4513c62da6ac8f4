using System.Globalization;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Evaluation;

/// <summary>Finds the value of every symbolic dimension from the shapes of the actual inputs.</summary>
public static class DimensionBinding
{
    public const string MissingInput = "TCC2040", WrongInput = "TCC2041", UnboundDimension = "TCC2042", OutOfBounds = "TCC2043";

    /// <summary>
    /// Solves the input shapes for the symbols, beginning with <paramref name="given"/> ones: an input dimension
    /// <c>a·symbol + b</c> gives its symbol once every other symbol in it is known. Then every dimension must fit.
    /// </summary>
    /// <exception cref="DiagnosticException">An input is missing or does not fit, or a symbol stays open or leaves its interval.</exception>
    public static SortedDictionary<string, long> Bind(Graph graph, IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyDictionary<string, long>? given = null)
    {
        var diagnostics = new DiagnosticList();
        var symbols = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, long value) in given ?? new Dictionary<string, long>())
        {
            symbols[name] = value;
        }
        var equations = new List<(DimExpr Dimension, long Size, string Input)>();
        foreach (Value input in graph.Inputs)
        {
            if (!inputs.TryGetValue(input.Name, out Tensor? tensor))
            {
                if (graph.Fills.ContainsKey(input) || graph.States.Exists(s => ReferenceEquals(s.Input, input)))
                {
                    continue;
                }
                diagnostics.Add(Diagnostic.Error(MissingInput, $"the input \"{input.Name}\" is missing: {input.Type}", $"input {input}"));
            }
            else if (tensor.Type != input.Type.Element || tensor.Rank != input.Type.Rank)
            {
                diagnostics.Add(Diagnostic.Error(WrongInput, $"the input \"{input.Name}\" is {TensorType.Of(tensor)}, needed is {input.Type}", $"input {input}"));
            }
            else
            {
                equations.AddRange(input.Type.Shape.Zip(tensor.Shape.ToArray(), (d, size) => (d, size, input.Name)));
            }
        }
        try
        {
            // Bare symbols first: if shapes contradict each other, the message then blames the expression.
            foreach ((DimExpr dimension, long size, _) in equations.Where(e => e.Dimension.SymbolName is not null))
            {
                symbols.TryAdd(dimension.SymbolName!, size);
            }
            while (equations.Exists(e => Solve(e.Dimension, e.Size, symbols)))
            {
                // Each round binds a symbol; expressions that hold several wait for the others.
            }
            while (graph.DimensionDefaults.FirstOrDefault(d => !symbols.ContainsKey(d.Key) && d.Value.Symbols.All(symbols.ContainsKey)) is { Key: { } name } choice)
            {
                symbols[name] = choice.Value.Evaluate(symbols);
            }
            Check(graph, equations, symbols, diagnostics);
        }
        catch (ArithmeticException e)
        {
            diagnostics.Add(Diagnostic.Error(WrongInput, $"the dimensions of the inputs cannot be computed: {e.Message}"));
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : symbols;
    }

    /// <summary>Binds the only open symbol of a dimension a·symbol + b, if its value is an integer.</summary>
    private static bool Solve(DimExpr dimension, long size, SortedDictionary<string, long> symbols)
    {
        string[] open = [.. dimension.Symbols.Where(s => !symbols.ContainsKey(s))];
        if (open.Length != 1)
        {
            return false;
        }
        DimExpr rest = dimension.Substitute(symbols.ToDictionary(s => s.Key, s => DimExpr.Constant(s.Value)));
        DimExpr.Term[] linear = [.. rest.Terms.Where(t => t.Factors.Length > 0)];
        if (linear is not [{ Factors: [DimExpr.SymbolAtom] } term])
        {
            return false;
        }
        long distance = size - rest.Terms.Where(t => t.Factors.Length == 0).Sum(t => t.Coefficient);
        if (distance % term.Coefficient != 0)
        {
            return false;
        }
        symbols[open[0]] = distance / term.Coefficient;
        return true;
    }

    private static void Check(Graph graph, List<(DimExpr Dimension, long Size, string Input)> equations, SortedDictionary<string, long> symbols, DiagnosticList diagnostics)
    {
        foreach ((string name, DimInterval interval) in graph.Dimensions)
        {
            if (!symbols.TryGetValue(name, out long value))
            {
                diagnostics.Add(Diagnostic.Error(UnboundDimension, $"no input tells the size of the dimension {name}", $"dim {name}", "give its value"));
            }
            else if (value < interval.Lower || value > interval.Upper)
            {
                diagnostics.Add(Diagnostic.Error(OutOfBounds, string.Create(CultureInfo.InvariantCulture, $"the dimension {name} is {value}, outside {interval.Lower}..{interval.Upper}"), $"dim {name}"));
            }
        }
        foreach ((DimExpr dimension, long size, string input) in equations)
        {
            if (dimension.Symbols.All(symbols.ContainsKey) && dimension.Evaluate(symbols) is var needed && needed != size)
            {
                string because = dimension.IsConstant ? "" : $" ({dimension} with {string.Join(", ", dimension.Symbols.Select(s => $"{s} = {symbols[s]}"))})";
                diagnostics.Add(Diagnostic.Error(WrongInput, $"a dimension of the input \"{input}\" is {size}, needed is {needed}{because}", $"input %{input}"));
            }
        }
    }
}
