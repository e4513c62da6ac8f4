using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// Dimensions that have different names in the model but that an operator takes to be equal, such as
/// total_sequence_length and past_sequence_length + sequence_length. Each found equality makes one symbol less, and the
/// import begins again with it; at run time the binder checks it against the shapes given.
/// </summary>
internal sealed class DimensionEqualities
{
    private readonly Dictionary<string, DimExpr> _equal = new(StringComparer.Ordinal);

    /// <summary>What was found, for the note: the symbol, what it equals, and where that was seen.</summary>
    public List<(string Symbol, DimExpr Equal, string Location)> Found { get; } = [];

    /// <summary>Whether names like "past + seq" are read as expressions; not any more once a model contradicts its own.</summary>
    public bool ReadsExpressions { get; private set; } = true;

    /// <summary>The expression in the symbols that are left.</summary>
    public DimExpr Resolve(DimExpr e)
    {
        // Every substitution takes symbols away for good, so this ends.
        while (e.Symbols.Any(_equal.ContainsKey))
        {
            e = e.Substitute(_equal);
        }
        return e;
    }

    /// <summary>
    /// Makes a and b equal by giving up one symbol: preferably the one that is a side of its own, and of two the later.
    /// False when no symbol stands alone in the equation, or only a number would be left for it.
    /// </summary>
    public bool Unify(DimExpr a, DimExpr b, Func<string, int> order, string location)
    {
        if (a.IsConstant || b.IsConstant)
        {
            return false;
        }
        DimExpr difference = a - b;
        string? symbol = difference.Terms
            .Where(t => t is { Coefficient: 1 or -1, Factors: [DimExpr.SymbolAtom] })
            .Select(t => (Term: t, ((DimExpr.SymbolAtom)t.Factors[0]).Name))
            .Where(c => !(difference - DimExpr.FromTerm(c.Term)).Symbols.Contains(c.Name))
            .OrderByDescending(c => a.SymbolName == c.Name || b.SymbolName == c.Name).ThenByDescending(c => order(c.Name))
            .Select(c => c.Name).FirstOrDefault();
        if (symbol is null)
        {
            return false;
        }
        DimExpr own = DimExpr.Symbol(symbol);
        bool positive = difference.Terms.First(t => t.Factors is [DimExpr.SymbolAtom s] && s.Name == symbol).Coefficient > 0;
        DimExpr equal = positive ? own - difference : own + difference;
        if (equal.IsConstant)
        {
            return false;
        }
        _equal[symbol] = equal;
        Found.Add((symbol, equal, location));
        return true;
    }

    /// <summary>Takes names literally from now on; false when that is so already.</summary>
    public bool DistrustExpressions()
    {
        bool trusted = ReadsExpressions;
        ReadsExpressions = false;
        return trusted;
    }
}

/// <summary>An equality of dimensions was found: the import begins again with it.</summary>
internal sealed class EqualityFoundException : Exception;
