using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace TransformerCc.Isa.Symbolic;

/// <summary>
/// An integer expression over symbolic dimensions, kept in canonical form: a sum of terms, each a coefficient times a
/// product of atoms. An atom is a symbol, or a floor division, minimum or maximum that could not be simplified.
/// Two expressions are equal when their terms are. Division rounds towards minus infinity.
/// </summary>
/// <remarks>
/// One type serves graph shapes, tile loop bounds, addresses and the shapes stored in the binary, so that a length
/// known only at run time is computed from the same expression everywhere. A compilation makes millions of them, nearly all
/// constants or short sums: terms stay sorted, sums merge them, and a text is made when somebody asks for it.
/// </remarks>
public sealed class DimExpr : IEquatable<DimExpr>
{
    private readonly ImmutableArray<Term> _terms;
    private string? _text;

    /// <param name="terms">In <see cref="Order"/>, each product once, none of them zero.</param>
    private DimExpr(ImmutableArray<Term> terms) => _terms = terms;

    public static DimExpr Zero { get; } = new([]);

    public static DimExpr One { get; } = Constant(1);

    public static DimExpr Constant(long value) => value == 0 ? new([]) : new([new Term(value, [])]);

    public static DimExpr Symbol(string name) => FromFactor(new SymbolAtom(name));

    public static implicit operator DimExpr(long value) => Constant(value);

    public static DimExpr FromInt64(long value) => Constant(value);

    /// <summary>Reads the text form, e.g. <c>batch*(past + seq)</c> or <c>floordiv(seq + 15, 16)</c>; the inverse of <see cref="ToString"/>.</summary>
    /// <exception cref="DiagnosticException">TCC4120: the text is no expression.</exception>
    public static DimExpr Parse(string text) =>
        TryParse(text, out DimExpr? e, out string? error) ? e : throw new DiagnosticException(Diagnostic.Error("TCC4120", $"'{text}' is no dimension expression: {error}"));

    public static bool TryParse(string text, [NotNullWhen(true)] out DimExpr? expression, [NotNullWhen(false)] out string? error) =>
        DimExprParser.TryParse(text, out expression, out error);

    /// <summary>True when the expression holds no symbol.</summary>
    public bool IsConstant => _terms.Length == 0 || (_terms.Length == 1 && _terms[0].Factors.Length == 0);

    /// <summary>The value of a constant expression; null when it holds symbols.</summary>
    public long? ConstantValue => _terms.Length == 0 ? 0 : IsConstant ? _terms[0].Coefficient : null;

    public bool Is(long value) => ConstantValue == value;

    public ImmutableArray<Term> Terms => _terms;

    /// <summary>The name, when the expression is one bare symbol; otherwise null.</summary>
    public string? SymbolName =>
        _terms.Length == 1 && _terms[0].Coefficient == 1 && _terms[0].Factors is [SymbolAtom s] ? s.Name : null;

    // Most operands are constants, zero or one: what they give is known without collecting terms.
    public static DimExpr operator +(DimExpr a, DimExpr b) =>
        a._terms.IsEmpty ? b
        : b._terms.IsEmpty ? a
        : a.ConstantValue is { } x && b.ConstantValue is { } y ? Constant(checked(x + y))
        : Merge(a._terms, b._terms);

    public static DimExpr operator -(DimExpr a, DimExpr b) => a + (b * -1);

    public static DimExpr operator -(DimExpr a) => a * -1;

    public static DimExpr operator *(DimExpr a, DimExpr b) =>
        a.ConstantValue is { } x ? b.Times(x)
        : b.ConstantValue is { } y ? a.Times(y)
        : FromTerms(from s in a._terms
                    from t in b._terms
                    select new Term(checked(s.Coefficient * t.Coefficient), SortFactors(s.Factors, t.Factors)));

    /// <summary>A factor changes neither the terms nor their order.</summary>
    private DimExpr Times(long factor) => factor switch
    {
        0 => Zero,
        1 => this,
        _ => Scaled(factor),
    };

    private DimExpr Scaled(long factor)
    {
        ImmutableArray<Term>.Builder scaled = ImmutableArray.CreateBuilder<Term>(_terms.Length);
        foreach (Term t in _terms)
        {
            scaled.Add(t with { Coefficient = checked(t.Coefficient * factor) });
        }
        return new(scaled.MoveToImmutable());
    }

    public static DimExpr Add(DimExpr left, DimExpr right) => left + right;

    public static DimExpr Subtract(DimExpr left, DimExpr right) => left - right;

    public static DimExpr Multiply(DimExpr left, DimExpr right) => left * right;

    public static DimExpr Negate(DimExpr item) => -item;

    /// <summary>⌊a / b⌋, simplified when b divides every term of a.</summary>
    public static DimExpr FloorDiv(DimExpr a, DimExpr b)
    {
        if (b.Is(0))
        {
            throw new DivideByZeroException("division by zero in a dimension expression");
        }
        if (a.ConstantValue is { } x && b.ConstantValue is { } y)
        {
            return Constant(FloorDivide(x, y));
        }
        if (a.Equals(b) || a.Is(0))
        {
            return a.Is(0) ? Zero : One;
        }
        if (b._terms.Length == 1)
        {
            Term divisor = b._terms[0];
            var exact = new List<Term>();
            var rest = new List<Term>();
            foreach (Term t in a._terms)
            {
                Term? q = Divide(t, divisor);
                if (q is null)
                {
                    rest.Add(t);
                }
                else
                {
                    exact.Add(q);
                }
            }
            if (rest.Count == 0)
            {
                return FromTerms(exact);
            }
            if (exact.Count > 0)
            {
                return FromTerms(exact) + FloorDiv(FromTerms(rest), b);
            }
        }
        return FromFactor(new CompositeAtom(CompositeKind.FloorDiv, a, b));
    }

    /// <summary>⌈a / b⌉ for b &gt; 0.</summary>
    public static DimExpr CeilDiv(DimExpr a, DimExpr b) => FloorDiv(a + b - One, b);

    /// <summary>a − b·⌊a / b⌋.</summary>
    public static DimExpr Mod(DimExpr a, DimExpr b) => a - (b * FloorDiv(a, b));

    public static DimExpr Min(DimExpr a, DimExpr b) => Extremum(CompositeKind.Min, a, b);

    public static DimExpr Max(DimExpr a, DimExpr b) => Extremum(CompositeKind.Max, a, b);

    public static DimExpr Sum(IEnumerable<DimExpr> items) => FromTerms(items.SelectMany(i => i._terms));

    public static DimExpr Product(IEnumerable<DimExpr> factors) => factors.Aggregate(One, (x, y) => x * y);

    private static DimExpr Extremum(CompositeKind kind, DimExpr a, DimExpr b)
    {
        if ((a - b).ConstantValue is { } d)
        {
            return (kind == CompositeKind.Min) == (d <= 0) ? a : b;
        }
        return string.CompareOrdinal(a.ToString(), b.ToString()) <= 0
            ? FromFactor(new CompositeAtom(kind, a, b))
            : FromFactor(new CompositeAtom(kind, b, a));
    }

    /// <summary>The value for given symbols. Throws <see cref="KeyNotFoundException"/> for a symbol without a value.</summary>
    public long Evaluate(IReadOnlyDictionary<string, long> symbols)
    {
        long sum = 0;
        foreach (Term t in _terms)
        {
            long product = t.Coefficient;
            foreach (Atom f in t.Factors)
            {
                product = checked(product * f.Evaluate(symbols));
            }
            sum = checked(sum + product);
        }
        return sum;
    }

    /// <summary>Smallest and largest value when each symbol lies in its interval (interval arithmetic: safe, not always tight).</summary>
    public DimInterval Bounds(IReadOnlyDictionary<string, DimInterval> symbols)
    {
        var sum = new DimInterval(0, 0);
        foreach (Term t in _terms)
        {
            var product = new DimInterval(t.Coefficient, t.Coefficient);
            foreach (Atom f in t.Factors)
            {
                product *= f.Bounds(symbols);
            }
            sum += product;
        }
        return sum;
    }

    public DimExpr Substitute(IReadOnlyDictionary<string, DimExpr> symbols) =>
        _terms.Aggregate(Zero, (sum, t) => sum + t.Factors.Aggregate(Constant(t.Coefficient), (p, f) => p * f.Substitute(symbols)));

    public IEnumerable<string> Symbols => IsConstant ? [] : _terms is [{ Factors: [SymbolAtom symbol] }] ? [symbol.Name] : _terms.SelectMany(t => t.Factors).SelectMany(f => f.Symbols).Distinct();

    public bool Equals(DimExpr? other)
    {
        if (other is null || _terms.Length != other._terms.Length)
        {
            return false;
        }
        for (int i = 0; i < _terms.Length; i++)
        {
            if (_terms[i].Coefficient != other._terms[i].Coefficient || _terms[i].Key != other._terms[i].Key)
            {
                return false;
            }
        }
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as DimExpr);

    public override int GetHashCode()
    {
        int hash = 0;
        foreach (Term t in _terms)
        {
            hash = (hash * 31) + (t.Coefficient.GetHashCode() ^ string.GetHashCode(t.Key, StringComparison.Ordinal));
        }
        return hash;
    }

    public static bool operator ==(DimExpr? a, DimExpr? b) => a is null ? b is null : a.Equals(b);

    public static bool operator !=(DimExpr? a, DimExpr? b) => !(a == b);

    public override string ToString() => _text ??= Print(_terms);

    internal static long FloorDivide(long a, long b)
    {
        long q = a / b;
        return (a % b != 0) && ((a < 0) != (b < 0)) ? q - 1 : q;
    }

    /// <summary>A single factor as an expression.</summary>
    public static DimExpr FromFactor(Atom factor) => new([new Term(1, [factor])]);

    /// <summary>A single term as an expression.</summary>
    public static DimExpr FromTerm(Term term) => FromTerms([term]);


    private static ImmutableArray<Atom> SortFactors(ImmutableArray<Atom> a, ImmutableArray<Atom> b) =>
        a.IsEmpty ? b : b.IsEmpty ? a : [.. a.Concat(b).OrderBy(f => f.Text, StringComparer.Ordinal)];

    /// <summary>The order of terms: by their products, the constant last, so that texts read naturally: seq + 1.</summary>
    private static int Order(Term a, Term b) =>
        a.Factors.IsEmpty || b.Factors.IsEmpty ? a.Factors.IsEmpty.CompareTo(b.Factors.IsEmpty) : string.CompareOrdinal(a.Key, b.Key);

    private static DimExpr Merge(ImmutableArray<Term> a, ImmutableArray<Term> b)
    {
        ImmutableArray<Term>.Builder sum = ImmutableArray.CreateBuilder<Term>(a.Length + b.Length);
        (int i, int j) = (0, 0);
        while (i < a.Length || j < b.Length)
        {
            int order = i == a.Length ? 1 : j == b.Length ? -1 : Order(a[i], b[j]);
            if (order != 0)
            {
                sum.Add(order < 0 ? a[i++] : b[j++]);
                continue;
            }
            Term both = a[i] with { Coefficient = checked(a[i++].Coefficient + b[j++].Coefficient) };
            if (both.Coefficient != 0)
            {
                sum.Add(both);
            }
        }
        return new(sum.DrainToImmutable());
    }

    private static DimExpr FromTerms(IEnumerable<Term> terms)
    {
        var sums = new List<Term>();
        foreach (Term t in terms)
        {
            (int low, int high) = (0, sums.Count);
            while (low < high)
            {
                int middle = (low + high) / 2;
                (low, high) = Order(sums[middle], t) < 0 ? (middle + 1, high) : (low, middle);
            }
            if (low < sums.Count && Order(sums[low], t) == 0)
            {
                sums[low] = t with { Coefficient = checked(sums[low].Coefficient + t.Coefficient) };
            }
            else
            {
                sums.Insert(low, t);
            }
        }
        sums.RemoveAll(t => t.Coefficient == 0);
        return new([.. sums]);
    }

    private static Term? Divide(Term t, Term by)
    {
        if (t.Coefficient % by.Coefficient != 0)
        {
            return null;
        }
        var left = t.Factors.ToList();
        foreach (Atom f in by.Factors)
        {
            int at = left.FindIndex(l => l.Text == f.Text);
            if (at < 0)
            {
                return null;
            }
            left.RemoveAt(at);
        }
        return new Term(t.Coefficient / by.Coefficient, [.. left]);
    }

    private static string Print(ImmutableArray<Term> terms)
    {
        if (terms is [] or [{ Factors.IsEmpty: true }])
        {
            return (terms is [var constant] ? constant.Coefficient : 0).ToString(CultureInfo.InvariantCulture);
        }
        var text = new StringBuilder();
        foreach (Term t in terms)
        {
            bool negative = t.Coefficient < 0;
            text.Append(text.Length == 0 ? (negative ? "-" : "") : negative ? " - " : " + ");
            ulong magnitude = negative ? (ulong)-(t.Coefficient + 1) + 1 : (ulong)t.Coefficient;
            if (t.Factors.Length == 0 || magnitude != 1)
            {
                text.Append(magnitude.ToString(CultureInfo.InvariantCulture));
                text.Append(t.Factors.Length == 0 ? "" : "*");
            }
            text.Append(t.Key);
        }
        return text.ToString();
    }

    /// <summary>coefficient · product of factors.</summary>
    public sealed record Term(long Coefficient, ImmutableArray<Atom> Factors)
    {
        internal string Key { get; } = Factors.Length switch { 0 => "", 1 => Factors[0].Text, _ => string.Join('*', Factors.Select(f => f.Text)) };
    }

    /// <summary>What cannot be split further: a symbol or an irreducible operation.</summary>
    public abstract class Atom
    {
        public abstract string Text { get; }
        internal abstract IEnumerable<string> Symbols { get; }
        internal abstract long Evaluate(IReadOnlyDictionary<string, long> symbols);
        internal abstract DimInterval Bounds(IReadOnlyDictionary<string, DimInterval> symbols);
        internal abstract DimExpr Substitute(IReadOnlyDictionary<string, DimExpr> symbols);
    }

    public sealed class SymbolAtom(string name) : Atom
    {
        public string Name => name;
        public override string Text => name;
        internal override IEnumerable<string> Symbols => [name];
        internal override long Evaluate(IReadOnlyDictionary<string, long> symbols) => symbols[name];
        internal override DimInterval Bounds(IReadOnlyDictionary<string, DimInterval> symbols) => symbols[name];
        internal override DimExpr Substitute(IReadOnlyDictionary<string, DimExpr> symbols) =>
            symbols.TryGetValue(name, out DimExpr? e) ? e : FromFactor(this);
    }

    public enum CompositeKind { FloorDiv, Min, Max }

    public sealed class CompositeAtom(CompositeKind kind, DimExpr left, DimExpr right) : Atom
    {
        public CompositeKind Kind => kind;
        public DimExpr Left => left;
        public DimExpr Right => right;

        public override string Text { get; } = kind switch
        {
            CompositeKind.FloorDiv => $"floordiv({left}, {right})",
            CompositeKind.Min => $"min({left}, {right})",
            _ => $"max({left}, {right})",
        };

        internal override IEnumerable<string> Symbols => left.Symbols.Concat(right.Symbols);

        internal override long Evaluate(IReadOnlyDictionary<string, long> symbols)
        {
            long a = left.Evaluate(symbols), b = right.Evaluate(symbols);
            return kind switch
            {
                CompositeKind.FloorDiv => FloorDivide(a, b),
                CompositeKind.Min => long.Min(a, b),
                _ => long.Max(a, b),
            };
        }

        internal override DimInterval Bounds(IReadOnlyDictionary<string, DimInterval> symbols)
        {
            DimInterval a = left.Bounds(symbols), b = right.Bounds(symbols);
            return kind switch
            {
                CompositeKind.FloorDiv => DimInterval.FloorDiv(a, b),
                CompositeKind.Min => new(long.Min(a.Lower, b.Lower), long.Min(a.Upper, b.Upper)),
                _ => new(long.Max(a.Lower, b.Lower), long.Max(a.Upper, b.Upper)),
            };
        }

        internal override DimExpr Substitute(IReadOnlyDictionary<string, DimExpr> symbols)
        {
            DimExpr a = left.Substitute(symbols), b = right.Substitute(symbols);
            return kind switch
            {
                CompositeKind.FloorDiv => FloorDiv(a, b),
                CompositeKind.Min => Min(a, b),
                _ => Max(a, b),
            };
        }
    }
}
