using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace TransformerCc.Isa.Symbolic;

/// <summary>
/// Reads what <see cref="DimExpr"/> prints, and what people write:
/// <code>
/// sum     = ["-"] product { ("+" | "-") product }
/// product = factor { "*" factor }
/// factor  = number | name | "(" sum ")" | function "(" sum "," sum ")"
/// function = floordiv | ceildiv | mod | min | max
/// name    = letter or "_", then letters, digits, "_", "."
/// </code>
/// </summary>
/// <remarks>Multiplying out makes texts grow exponentially, so sizes are limited before each operation, not only the input's.</remarks>
internal ref struct DimExprParser
{
    /// <summary>Characters of the input, and of the text of every intermediate result.</summary>
    public const int MaxLength = 4096;

    /// <summary>Nested parentheses.</summary>
    public const int MaxDepth = 64;

    /// <summary>Terms a product may multiply out to.</summary>
    private const int MaxProductTerms = 256;

    private readonly ReadOnlySpan<char> _text;
    private int _at;
    private int _depth;
    private string? _error;

    private DimExprParser(ReadOnlySpan<char> text) => _text = text;

    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out DimExpr? expression, [NotNullWhen(false)] out string? error)
    {
        expression = null;
        if (text.Length > MaxLength)
        {
            error = $"a dimension expression has at most {MaxLength} characters, this one has {text.Length}";
            return false;
        }
        var parser = new DimExprParser(text);
        try
        {
            DimExpr sum = parser.Sum();
            parser.Peek();
            if (parser._at < text.Length)
            {
                parser.Fail("an operator or the end is expected");
            }
            error = parser._error;
            expression = error is null ? sum : null;
        }
        catch (ArithmeticException e) // overflow of a coefficient, division by zero
        {
            error = e is DivideByZeroException ? "division by zero" : "a number exceeds 64 bits";
        }
        return error is null;
    }

    private DimExpr Sum()
    {
        var products = new List<DimExpr>();
        bool negative = Accept('-');
        do
        {
            products.Add(Product(negative));
            negative = Peek() == '-';
        }
        while (_error is null && (Accept('+') || Accept('-')));
        return Limited(DimExpr.Sum(products));
    }

    private DimExpr Product(bool negative)
    {
        // The sign belongs to a leading number: -2^63 has no positive counterpart.
        DimExpr product = char.IsAsciiDigit(Peek()) ? Number(negative) : negative ? -Factor() : Factor();
        while (_error is null && Accept('*'))
        {
            DimExpr factor = Factor();
            if ((long)product.Terms.Length * factor.Terms.Length > MaxProductTerms)
            {
                Fail($"the product multiplies out to more than {MaxProductTerms} terms");
                break;
            }
            product = Limited(product * factor);
        }
        return product;
    }

    private DimExpr Factor()
    {
        char c = Peek();
        if (char.IsAsciiDigit(c))
        {
            return Number(negative: false);
        }
        if (c == '(')
        {
            return Nested();
        }
        if (!char.IsAsciiLetter(c) && c != '_')
        {
            return Fail("a number, a name or '(' is expected");
        }
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '_' or '.'))
        {
            _at++;
        }
        string name = _text[start.._at].ToString();
        return Peek() == '(' ? Function(name, start) : DimExpr.Symbol(name);
    }

    private DimExpr Nested()
    {
        if (!Enter())
        {
            return DimExpr.Zero;
        }
        DimExpr inner = Sum();
        Leave();
        return inner;
    }

    private DimExpr Function(string name, int start)
    {
        if (name is not ("floordiv" or "ceildiv" or "mod" or "min" or "max"))
        {
            _at = start;
            return Fail($"there is no function '{name}'");
        }
        if (!Enter())
        {
            return DimExpr.Zero;
        }
        DimExpr a = Sum();
        if (!Accept(','))
        {
            return Fail("',' is expected");
        }
        DimExpr b = Sum();
        Leave();
        return _error is not null ? DimExpr.Zero : Limited(name switch
        {
            "floordiv" => DimExpr.FloorDiv(a, b),
            "ceildiv" => DimExpr.CeilDiv(a, b),
            "mod" => DimExpr.Mod(a, b),
            "min" => DimExpr.Min(a, b),
            _ => DimExpr.Max(a, b),
        });
    }

    private DimExpr Number(bool negative)
    {
        int start = _at;
        while (_at < _text.Length && char.IsAsciiDigit(_text[_at]))
        {
            _at++;
        }
        string digits = (negative ? "-" : "") + _text[start.._at].ToString();
        return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? DimExpr.Constant(value)
            : Fail("the number exceeds 64 bits");
    }

    private bool Enter()
    {
        if (++_depth > MaxDepth)
        {
            Fail($"parentheses nest deeper than {MaxDepth}");
            return false;
        }
        Accept('(');
        return true;
    }

    private void Leave()
    {
        _depth--;
        if (!Accept(')'))
        {
            Fail("')' is expected");
        }
    }

    private DimExpr Limited(DimExpr e) => e.ToString().Length <= MaxLength ? e : Fail($"the expression multiplies out to more than {MaxLength} characters");

    /// <summary>The next character that is no blank; NUL at the end.</summary>
    private char Peek()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t')
        {
            _at++;
        }
        return _at < _text.Length ? _text[_at] : '\0';
    }

    private bool Accept(char c)
    {
        bool found = Peek() == c;
        _at += found ? 1 : 0;
        return found;
    }

    private DimExpr Fail(string reason)
    {
        _error ??= string.Create(CultureInfo.InvariantCulture, $"at character {_at + 1}: {reason}");
        return DimExpr.Zero;
    }
}
