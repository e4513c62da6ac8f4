using System.Globalization;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>Attributes as they stand in the text; operators read them by name and type.</summary>
internal sealed class AttributeText : IAttributeReader
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unread = new(StringComparer.Ordinal);

    /// <summary>A flag has neither a scalar nor a list.</summary>
    private sealed record Entry(string? Scalar, IReadOnlyList<string>? List);

    public void Add(string name, string? scalar, IReadOnlyList<string>? list)
    {
        if (!_entries.TryAdd(name, new Entry(scalar, list)))
        {
            throw new ShapeException($"attribute {name} is given twice");
        }
        _unread.Add(name);
    }

    /// <summary>Throws when an attribute was given that the operator does not know.</summary>
    public void ExpectAllRead(string op)
    {
        if (_unread.Count > 0)
        {
            throw new ShapeException($"{op} has no attribute {string.Join(", ", _unread.Order(StringComparer.Ordinal))}");
        }
    }

    public bool Has(string name) => _entries.ContainsKey(name);

    public long Integer(string name) => ParseInteger(name, Scalar(name));

    public double Float(string name) =>
        FloatText.TryParse(Scalar(name), out double value) ? value : throw new ShapeException($"attribute {name}: '{Scalar(name)}' is not a number");

    public bool Flag(string name)
    {
        if (!_entries.TryGetValue(name, out Entry? entry))
        {
            return false;
        }
        _unread.Remove(name);
        return entry is { Scalar: null, List: null } ? true : throw new ShapeException($"attribute {name} is a flag: it takes no value");
    }

    public string Word(string name) => Scalar(name);

    public EquatableArray<long> Integers(string name) => List(name).Select(text => ParseInteger(name, text)).ToEquatableArray();

    public EquatableArray<DimExpr> Dims(string name) => List(name).Select(Dimension).ToEquatableArray();

    /// <summary>A dimension expression; tokens are separated by blanks.</summary>
    public static DimExpr Dimension(string text) =>
        DimExpr.TryParse(text, out DimExpr? dimension, out string? error) ? dimension : throw new ShapeException($"'{text}': {error}");

    private string Scalar(string name) => Find(name).Scalar ?? throw new ShapeException($"attribute {name} must be a number or a word");

    private IReadOnlyList<string> List(string name) => Find(name).List ?? throw new ShapeException($"attribute {name} must be a list");

    private Entry Find(string name)
    {
        _unread.Remove(name);
        return _entries.TryGetValue(name, out Entry? entry) ? entry : throw new ShapeException($"attribute {name} is missing");
    }

    private static long ParseInteger(string name, string text)
    {
        string digits = text.Replace(" ", "", StringComparison.Ordinal);
        return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new ShapeException($"attribute {name}: '{text}' is not an integer");
    }
}
