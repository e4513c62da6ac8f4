using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>The literals of the assembly language, both ways.</summary>
internal static class AssemblyText
{
    /// <summary>A text in quotes on one line: control characters and surrogates without partner become \uXXXX.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                quoted.Append(c).Append(text[++i]);
            }
            else if (c is '"' or '\\')
            {
                quoted.Append('\\').Append(c);
            }
            else if (char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029')
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                quoted.Append(c);
            }
        }
        return quoted.Append('"').ToString();
    }

    public static bool TryUnquote(string quoted, [NotNullWhen(true)] out string? text)
    {
        var plain = new StringBuilder(quoted.Length);
        text = null;
        for (int i = 1; i < quoted.Length - 1; i++)
        {
            if (quoted[i] != '\\')
            {
                plain.Append(quoted[i]);
            }
            else if (quoted[++i] is '"' or '\\')
            {
                plain.Append(quoted[i]);
            }
            else if (quoted[i] == 'u' && i + 4 < quoted.Length - 1 && ushort.TryParse(quoted.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code))
            {
                plain.Append((char)code);
                i += 4;
            }
            else
            {
                return false;
            }
        }
        text = plain.ToString();
        return true;
    }

    /// <summary>Decimal, or hexadecimal with 0x.</summary>
    public static bool TryInteger(string text, long minimum, long maximum, out long value)
    {
        bool parsed = text.StartsWith("0x", StringComparison.Ordinal)
            ? long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) && value >= 0
            : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
        return parsed && value >= minimum && value <= maximum;
    }

    /// <summary>The shortest decimal that reads back the same; a NaN as its bits, because it may carry a payload.</summary>
    public static string Of(float value) =>
        float.IsNaN(value) ? string.Create(CultureInfo.InvariantCulture, $"0x{BitConverter.SingleToUInt32Bits(value):x8}")
        : float.IsInfinity(value) ? value > 0 ? "inf" : "-inf"
        : value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A decimal, inf, -inf, or the 32 bits with 0x.</summary>
    public static bool TryFloat(string text, out float value)
    {
        if (text is "inf" or "-inf")
        {
            value = text[0] == '-' ? float.NegativeInfinity : float.PositiveInfinity;
            return true;
        }
        if (text.StartsWith("0x", StringComparison.Ordinal))
        {
            bool parsed = uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint bits);
            value = BitConverter.UInt32BitsToSingle(bits);
            return parsed;
        }
        return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);
    }
}
