using System.Globalization;

namespace TransformerCc.Isa.Tensors;

/// <summary>
/// Reads the few Python literals of a NumPy header: strings without escapes, True and False, tuples of integers. After
/// the first error every further call does nothing, so that a reader checks once.
/// </summary>
internal ref struct PythonLiteral(string text)
{
    private int _at;

    public string? Error { get; private set; }

    public bool Accept(char c)
    {
        SkipBlanks();
        bool found = Error is null && _at < text.Length && text[_at] == c;
        _at += found ? 1 : 0;
        return found;
    }

    public void Expect(char c)
    {
        if (!Accept(c))
        {
            Fail($"'{c}' is expected");
        }
    }

    public string String()
    {
        char quote = Accept('\'') ? '\'' : Accept('"') ? '"' : '\0';
        int end = quote == '\0' || Error is not null ? -1 : text.IndexOf(quote, _at);
        if (end < 0 || text.AsSpan(_at, end - _at).Contains('\\'))
        {
            Fail("a string is expected");
            return "";
        }
        string value = text[_at..end];
        _at = end + 1;
        return value;
    }

    public bool Boolean()
    {
        SkipBlanks();
        foreach (string word in (ReadOnlySpan<string>)["True", "False"])
        {
            if (text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal))
            {
                _at += word.Length;
                return word == "True";
            }
        }
        Fail("True or False is expected");
        return false;
    }

    public long[] Tuple(int maxLength)
    {
        var values = new List<long>();
        Expect('(');
        while (Error is null && !Accept(')'))
        {
            if (values.Count == maxLength)
            {
                Fail($"more than {maxLength} dimensions");
            }
            values.Add(Integer());
            bool hasComma = Accept(',');
            // (3) is a number in Python, (3,) a tuple.
            if (!hasComma && values.Count == 1)
            {
                Expect(',');
            }
            else if (!hasComma)
            {
                Expect(')');
                break;
            }
        }
        return [.. values];
    }

    public void End()
    {
        SkipBlanks();
        if (_at < text.Length)
        {
            Fail("the end is expected");
        }
    }

    public void Fail(string reason) => Error ??= string.Create(CultureInfo.InvariantCulture, $"at character {_at + 1} of the header: {reason}");

    private long Integer()
    {
        SkipBlanks();
        int start = _at;
        while (_at < text.Length && char.IsAsciiDigit(text[_at]))
        {
            _at++;
        }
        if (!long.TryParse(text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out long value))
        {
            Fail("a dimension of at most 63 bits is expected");
        }
        return value;
    }

    private void SkipBlanks()
    {
        while (_at < text.Length && text[_at] is ' ' or '\n' or '\t')
        {
            _at++;
        }
    }
}
