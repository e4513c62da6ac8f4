using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The symbolic dimensions of a model and what is known about their size. Bounds only ever become tighter, so whatever
/// was concluded from them stays true.
/// </summary>
internal sealed class DimensionTable(SortedDictionary<string, DimInterval> intervals, ImportOptions options, DiagnosticList diagnostics)
{
    private readonly SortedDictionary<string, string> _reasons = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _symbols = new(StringComparer.Ordinal);

    private readonly HashSet<string> _declared = new(StringComparer.Ordinal);

    /// <summary>The model's names of the dimensions seen so far.</summary>
    public IEnumerable<string> Declared => _declared.Order(StringComparer.Ordinal);

    public bool IsDeclared(string name) => _declared.Contains(name);

    /// <summary>The dimension a model calls <paramref name="name"/>: its bound value, or a symbol within its bounds.</summary>
    /// <param name="ofPast">Whether it is a length of an input that holds the past.</param>
    public DimExpr Declare(string name, bool ofPast = false)
    {
        _declared.Add(name);
        options.Bindings.TryGetValue(name, out DimensionLimit binding);
        if (binding.Exact is { } exact)
        {
            _reasons[name] = $"{name} = {exact} (given)";
            return exact;
        }
        string symbol = SymbolName(name);
        if (!intervals.ContainsKey(symbol))
        {
            // An empty past is how a first step is written; every other length has at least one element.
            long lower = ofPast || name.Contains("past", StringComparison.OrdinalIgnoreCase) ? 0 : 1;
            intervals[symbol] = new DimInterval(lower, long.Max(lower, binding.Upper ?? options.DefaultBound));
            _reasons[symbol] = binding.Upper is null ? "default" : "given";
        }
        return DimExpr.Symbol(symbol);
    }

    public DimInterval Bounds(DimExpr e) => e.Bounds(intervals);

    /// <summary>Notes that <paramref name="e"/> must not exceed <paramref name="limit"/>: true when that bounds a single symbol.</summary>
    public bool Tighten(DimExpr e, long limit, string location, string why)
    {
        if (e.Terms is not [{ Coefficient: > 0, Factors: [DimExpr.SymbolAtom symbol] } term, ..]
            || (e - (DimExpr.Symbol(symbol.Name) * term.Coefficient)).ConstantValue is not { } rest)
        {
            return false;
        }
        long upper = DimExpr.FloorDiv(limit - rest, term.Coefficient).ConstantValue!.Value;
        DimInterval old = intervals[symbol.Name];
        if (upper < old.Lower)
        {
            return false;
        }
        if (upper < old.Upper)
        {
            intervals[symbol.Name] = old with { Upper = upper };
            string given = _reasons[symbol.Name] == "given" ? $", less than the {old.Upper} given" : "";
            _reasons[symbol.Name] = "the model's table";
            diagnostics.Add(Diagnostic.Note(ImportCodes.TableBound, $"{symbol.Name} is at most {upper}: {why}{given}", location));
        }
        return true;
    }

    /// <summary>One note that lists every dimension with its bounds and where they come from.</summary>
    public void Report()
    {
        if (_reasons.Count > 0)
        {
            IEnumerable<string> lines = _reasons.Select(r => intervals.TryGetValue(r.Key, out DimInterval i) ? $"{r.Key} = {i.Lower}..{i.Upper} ({r.Value})" : r.Value);
            diagnostics.Add(Diagnostic.Note(ImportCodes.Bounds, $"dimensions: {string.Join(", ", lines)}", null,
                _reasons.ContainsValue("default") ? "--bind DIM=..N sets another bound, --bind DIM=N a fixed size" : null));
        }
    }

    /// <summary>A name that reads as one word in expressions and in the textual form of the graph; different names stay different.</summary>
    private string SymbolName(string name)
    {
        if (_symbols.TryGetValue(name, out string? symbol))
        {
            return symbol;
        }
        string clean = new([.. name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' ? c : '_')]);
        symbol = clean.Length == 0 || char.IsAsciiDigit(clean[0]) ? "d" + clean : clean;
        while (_symbols.ContainsValue(symbol))
        {
            symbol += "_";
        }
        return _symbols[name] = symbol;
    }
}
