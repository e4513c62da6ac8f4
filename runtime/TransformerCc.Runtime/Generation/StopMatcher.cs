using System.Text;

namespace TransformerCc.Runtime.Generation;

/// <summary>
/// Looks for stop strings in a text that arrives in pieces. What could be the beginning of one is held back until it is known
/// not to be; the text of a stop string is never released.
/// </summary>
internal sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private readonly StringBuilder _held = new();

    /// <summary>True when a stop string has been found; the text before it has been released.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds a piece; returns what can be shown now.</summary>
    public string Add(string piece)
    {
        if (Stopped)
        {
            return "";
        }
        _held.Append(piece);
        string text = _held.ToString();
        int[] found = [.. stops.Select(s => text.IndexOf(s, StringComparison.Ordinal)).Where(at => at >= 0)];
        Stopped = found.Length > 0;
        int release = Stopped ? found.Min() : text.Length - LongestBeginning(text);
        _held.Clear().Append(Stopped ? "" : text[release..]);
        return text[..release];
    }

    /// <summary>The text is over: what was held back was no stop string.</summary>
    public string Flush()
    {
        string rest = _held.ToString();
        _held.Clear();
        return rest;
    }

    /// <summary>Length of the longest end of the text that a stop string begins with.</summary>
    private int LongestBeginning(string text) =>
        stops.Count == 0 ? 0 : Enumerable.Range(0, int.Min(text.Length, stops.Max(s => s.Length) - 1) + 1).Last(n => n == 0 || stops.Any(s => s.Length > n && s.AsSpan(0, n).SequenceEqual(text.AsSpan(text.Length - n))));
}
