using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The symbolic dimensions of a model and what is known about their size. Bounds only ever become tighter, so whatever
/// was concluded from them stays true.
/// </summary>
internal sealed class DimensionTable(SortedDictionary<string, DimInterval> intervals, ImportOptions options, DiagnosticList diagnostics, DimensionEqualities equalities)
{
    /// <summary>Longer names are names.</summary>
    private const int MaximumExpression = 256;

    private readonly SortedDictionary<string, string> _reasons = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _symbols = new(StringComparer.Ordinal);

    private readonly HashSet<string> _declared = new(StringComparer.Ordinal);
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];
    private readonly List<(DimExpr Equal, long Limit)> _limits = [];
    private readonly SortedSet<string> _empty = new(StringComparer.Ordinal);

    /// <summary>The model's names of the dimensions seen so far.</summary>
    public IEnumerable<string> Declared => _declared.Order(StringComparer.Ordinal);

    /// <summary>Dimensions, other than lengths of a past, that the user made 0.</summary>
    public IReadOnlyCollection<string> Empty => _empty;

    public bool IsDeclared(string name) => _declared.Contains(name);

    /// <summary>Whether names were read as expressions of other names.</summary>
    public bool HasExpressions { get; private set; }

    /// <summary>The place of a symbol in the order of the inputs.</summary>
    public int Order(string symbol) => _order.IndexOf(symbol);

    /// <summary>The name of a dimension of an input; unnamed ones are called INPUT_dimI.</summary>
    public static string NameOf(ValueInfoProto input, int axis) =>
        input.Type.TensorType.Shape is { } shape && shape.Dim[axis].DimParam is { Length: > 0 } name ? name : $"{input.Name}_dim{axis}";

    /// <summary>Whether a dimension is a length of an input that holds the past.</summary>
    public static bool IsPast(ValueInfoProto input, int axis) => axis > 0 && input.Name.Contains("past", StringComparison.OrdinalIgnoreCase);

    /// <summary>Declares every named dimension of the inputs, so that expressions may speak of those that come later.</summary>
    public void DeclareNames(IEnumerable<ValueInfoProto> inputs, IReadOnlyDictionary<string, IReadOnlyList<long>> givenShapes)
    {
        (ValueInfoProto Input, int Axis)[] named =
        [
            .. from input in inputs
               where input.Type?.TensorType?.Shape is not null
               from axis in Enumerable.Range(0, input.Type.TensorType.Shape.Dim.Count)
               where input.Type.TensorType.Shape.Dim[axis].DimParam.Length > 0
                   && !(givenShapes.TryGetValue(input.Name, out IReadOnlyList<long>? given) && axis < given.Count && given[axis] >= 0)
               select (input, axis),
        ];
        _names.UnionWith(named.Select(d => NameOf(d.Input, d.Axis)).Where(n => n == SymbolName(n)));
        foreach ((ValueInfoProto input, int axis) in named)
        {
            Declare(NameOf(input, axis), IsPast(input, axis));
        }
    }

    /// <summary>The dimension a model calls <paramref name="name"/>: its bound value, or a symbol within its bounds.</summary>
    /// <param name="ofPast">Whether it is a length of an input that holds the past.</param>
    public DimExpr Declare(string name, bool ofPast = false)
    {
        _declared.Add(name);
        if (!options.Bindings.ContainsKey(name) && Expression(name) is { } expression)
        {
            HasExpressions = true;
            return expression;
        }
        options.Bindings.TryGetValue(name, out DimensionLimit binding);
        if (binding.Exact is { } exact)
        {
            _reasons[name] = $"{name} = {exact} (given)";
            if (exact == 0 && !MayBeEmpty(name, ofPast))
            {
                _empty.Add(name);
            }
            return exact;
        }
        string symbol = SymbolName(name);
        if (equalities.Resolve(DimExpr.Symbol(symbol)) is var equal && equal.SymbolName != symbol)
        {
            if (_reasons.TryAdd(symbol, $"{symbol} = {equal}") && binding.Upper is { } limit)
            {
                _limits.Add((equal, limit));
            }
            return equal;
        }
        if (!intervals.ContainsKey(symbol))
        {
            long lower = MayBeEmpty(name, ofPast) ? 0 : 1;
            intervals[symbol] = new DimInterval(lower, long.Max(lower, binding.Upper ?? options.DefaultBound));
            _reasons[symbol] = binding.Upper is null ? "default" : "given";
            _order.Add(symbol);
        }
        return DimExpr.Symbol(symbol);
    }

    /// <summary>An empty past is how a first step is written; every other length has at least one element.</summary>
    private static bool MayBeEmpty(string name, bool ofPast) => ofPast || name.Contains("past", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The bound that the user gave a dimension holds for what that dimension was found to equal: each of its parts may grow
    /// until the others are at their smallest.
    /// </summary>
    public void ApplyGivenBounds()
    {
        foreach ((DimExpr equal, long limit) in _limits)
        {
            foreach (string name in equal.Terms.Select(t => t is { Coefficient: 1, Factors: [DimExpr.SymbolAtom s] } ? s.Name : null).OfType<string>())
            {
                DimInterval own = intervals[name];
                long upper = limit - Bounds(equal - DimExpr.Symbol(name)).Lower;
                intervals[name] = own with { Upper = long.Max(own.Lower, long.Min(own.Upper, upper)) };
            }
        }
    }

    /// <summary>
    /// Makes an expression of one symbol at least <paramref name="limit"/> by raising the symbol's lower bound, when it grows
    /// with the symbol and reaches the limit within the bounds.
    /// </summary>
    public void AtLeast(DimExpr e, long limit, string location, string why)
    {
        if (Bounds(e).Lower >= limit || e.Symbols.ToArray() is not [var symbol] || !Grows(e) || Bounds(e).Upper < limit)
        {
            return;
        }
        DimInterval old = intervals[symbol];
        (long low, long high) = (old.Lower, old.Upper);
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            (low, high) = e.Evaluate(new Dictionary<string, long> { [symbol] = middle }) >= limit ? (low, middle) : (middle + 1, high);
        }
        intervals[symbol] = old with { Lower = low };
        diagnostics.Add(Diagnostic.Note(ImportCodes.TableBound, $"{symbol} is at least {low}: {why}", location));
    }

    /// <summary>Whether an expression never becomes smaller when its symbols grow.</summary>
    private static bool Grows(DimExpr e) => e.Terms.All(t => t.Factors.Length == 0 || (t.Coefficient > 0 && t.Factors is [var factor] && factor switch
    {
        DimExpr.SymbolAtom => true,
        DimExpr.CompositeAtom { Kind: DimExpr.CompositeKind.FloorDiv } c => c.Right.ConstantValue > 0 && Grows(c.Left),
        DimExpr.CompositeAtom c => Grows(c.Left) && Grows(c.Right),
        _ => false,
    }));

    /// <summary>A name such as "past + seq" as the sum of the dimensions that have those names.</summary>
    private DimExpr? Expression(string name)
    {
        if (!equalities.ReadsExpressions || _names.Contains(name) || name.Length > MaximumExpression || !DimExpr.TryParse(name, out DimExpr? e, out _) || e.IsConstant || !e.Symbols.All(_names.Contains))
        {
            return null;
        }
        return e.Substitute(e.Symbols.ToDictionary(s => s, s => Declare(s)));
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
