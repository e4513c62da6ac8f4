using System.CommandLine;
using System.Globalization;

namespace TransformerCc.Tool;

/// <summary>An option with any number of NAME=N arguments.</summary>
internal sealed class NumberPairs
{
    public NumberPairs(string name, string form, string description)
    {
        Option = new Option<string[]>(name) { Description = description, HelpName = form, AllowMultipleArgumentsPerToken = true };
        Option.Validators.Add(result =>
        {
            foreach (string text in result.Tokens.Select(t => t.Value).Where(t => Parse(t) is null))
            {
                result.AddError($"{name} {text}: {form} is needed");
            }
        });
    }

    public Option<string[]> Option { get; }

    /// <summary>By name; the last of two values for one name counts.</summary>
    public IReadOnlyDictionary<string, long> Read(ParseResult parse)
    {
        var values = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (string text in parse.GetValue(Option) ?? [])
        {
            (string name, long value) = Parse(text)!.Value;
            values[name] = value;
        }
        return values;
    }

    private static (string Name, long Value)? Parse(string text)
    {
        int at = text.LastIndexOf('=');
        return at > 0 && long.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? (text[..at], n) : null;
    }
}
