using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TransformerCc.Tests.Campaigns.Readers;

/// <summary>Damage of a text in a language: words and numbers change, lines vanish, repeat and swap, brackets nest. Some mutants are damaged as bytes.</summary>
internal static partial class TextMutator
{
    private const int MaximumChanges = 3;
    private const int MostNesting = 300;

    private static readonly string[] s_words =
    [
        "0", "-1", "1", "2", "3", "7", "31", "32", "64", "65535", "65536", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "-9223372036854775808",
        "1e400", "1E-400", "-0", "0.5", "nan", "NaN", "inf", "-inf", "0x7fffffffffffffff", "0xffffffffffffffff", "0x", "true", "null", "\"\"", "\"\\u0000\"", "\"é\u2028\"", "{", "}", "[", "]", "(", ")", "=", ",", ":", ".", "%", "#",
        "f32", "bf16", "q4_k", "i64", "bool", "n", "batch", "length", "floordiv(n, 0)", "mod(n, 0)", "min(n, n)", "n*n*n*n", "//", "\n", "\0", "\u00a0",
    ];

    public static byte[] Mutate(byte[] bytes, CampaignRandom random)
    {
        if (random.OneIn(6))
        {
            return ByteMutator.Mutate(bytes, random);
        }
        string text = Encoding.UTF8.GetString(bytes);
        for (int changes = random.OneIn(3) ? 1 + random.Below(MaximumChanges) : 1; changes > 0; changes--)
        {
            text = Change(text, random);
        }
        return Encoding.UTF8.GetBytes(text);
    }

    private static string Change(string text, CampaignRandom random)
    {
        List<string> lines = [.. text.Split('\n')];
        int i = random.Below(lines.Count), j = random.Below(lines.Count);
        switch (random.Below(16))
        {
            case 0:
                lines.RemoveAt(i);
                break;
            case 1:
                lines.Insert(j, lines[i]);
                break;
            case 2:
                (lines[i], lines[j]) = (lines[j], lines[i]);
                break;
            case 3 when random.OneIn(4):
                int depth = 1 + random.Below(MostNesting);
                (string open, string close) = random.Pick<(string, string)>([("(", ")"), ("[", "]"), ("{", "}"), ("-", "")]);
                lines[i] = Within(lines[i], random, word => string.Concat(Enumerable.Repeat(open, depth)) + word + string.Concat(Enumerable.Repeat(close, depth)));
                break;
            case 4: // a word from elsewhere
                string donor = random.Pick(Words().Matches(lines[j]) is { Count: > 0 } words ? [.. words.Select(w => w.Value)] : s_words);
                lines[i] = Within(lines[i], random, _ => donor);
                break;
            case 5:
                lines[i] = Within(lines[i], random, word => word + random.Pick(s_words));
                break;
            case 6:
                lines[i] = Within(lines[i], random, _ => "");
                break;
            case 7 or 8:
                lines[i] = Within(lines[i], random, _ => random.Pick(s_words));
                break;
            default: // a number becomes another, not an absurd one
                string[] numbered = [.. lines.Where(l => Number().IsMatch(l))];
                if (numbered.Length > 0)
                {
                    int line = lines.IndexOf(random.Pick(numbered));
                    Match number = random.Pick(Number().Matches(lines[line]));
                    ulong value = ulong.TryParse(number.Value, CultureInfo.InvariantCulture, out ulong v) ? v : 0, other = random.Below(5) switch { 0 => value * 2, 1 => value / 2, 2 => value + 1, 3 => value - 1, _ => random.Next() % 1000 };
                    lines[line] = lines[line][..number.Index] + other.ToString(CultureInfo.InvariantCulture) + lines[line][(number.Index + number.Length)..];
                }
                break;
        }
        return string.Join('\n', lines);
    }

    /// <summary>One word, number or mark of a line becomes another.</summary>
    private static string Within(string line, CampaignRandom random, Func<string, string> change)
    {
        MatchCollection words = Words().Matches(line);
        if (words.Count == 0)
        {
            return line + change("");
        }
        Match word = words[random.Below(words.Count)];
        return line[..word.Index] + change(word.Value) + line[(word.Index + word.Length)..];
    }

    [GeneratedRegex("[A-Za-z_0-9.]+|[^\\sA-Za-z_0-9.]", RegexOptions.CultureInvariant)]
    private static partial Regex Words();

    [GeneratedRegex("[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
