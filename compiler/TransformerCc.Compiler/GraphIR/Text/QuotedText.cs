using System.Globalization;
using System.Text;

namespace TransformerCc.Compiler.GraphIR.Text;

/// <summary>Names of the model between quotes: \" \\ and \uXXXX for what is not printable ASCII.</summary>
internal static class QuotedText
{
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            quoted.Append(c switch
            {
                '"' or '\\' => $"\\{c}",
                >= ' ' and <= '~' => c.ToString(),
                _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            });
        }
        return quoted.Append('"').ToString();
    }

    /// <summary>The text between the quotes of a STRING token; null when an escape is unknown.</summary>
    public static string? Unquote(string quoted)
    {
        var text = new StringBuilder();
        for (int i = 1; i < quoted.Length - 1; i++)
        {
            if (quoted[i] != '\\')
            {
                text.Append(quoted[i]);
                continue;
            }
            i++;
            if (quoted[i] is '"' or '\\')
            {
                text.Append(quoted[i]);
            }
            else if (quoted[i] == 'u' && i + 4 < quoted.Length - 1 && ushort.TryParse(quoted.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code))
            {
                text.Append((char)code);
                i += 4;
            }
            else
            {
                return null;
            }
        }
        return text.ToString();
    }
}
