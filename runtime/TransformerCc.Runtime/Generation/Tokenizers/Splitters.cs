using System.Globalization;
using System.Text.RegularExpressions;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>One step of a <see cref="PreTokenizer"/>.</summary>
internal interface ISplitter
{
    /// <summary>Reports matches as start and length, ascending and disjoint; a match may be empty.</summary>
    /// <param name="piece">Characters of <see cref="CharacterClasses"/>.</param>
    void Split(ReadOnlySpan<char> piece, Action<int, int> match);
}

/// <summary>
/// The matches of a regular expression. All expressions are ours and take time linear in the text: no loop's end depends on
/// what a second loop over the same characters does.
/// </summary>
internal sealed class RegexSplitter(string pattern) : ISplitter
{
    private readonly Regex _regex = new(pattern, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    public void Split(ReadOnlySpan<char> piece, Action<int, int> match)
    {
        foreach (ValueMatch m in _regex.EnumerateMatches(piece))
        {
            match(m.Index, m.Length);
        }
    }
}

/// <summary>Runs of digits in groups of three counted from the right: 1234567 is 1, 234, 567.</summary>
/// <param name="ascii">Only 0 to 9; otherwise whatever is a number in Unicode.</param>
/// <param name="takesTextBefore">The first group of a run begins where the run before ended, as in llama.cpp's splitter for AFMoE.</param>
internal sealed class DigitGroupSplitter(bool ascii, bool takesTextBefore) : ISplitter
{
    public void Split(ReadOnlySpan<char> piece, Action<int, int> match)
    {
        int previous = 0;
        for (int at = 0; at < piece.Length;)
        {
            int length = 0;
            while (at + length < piece.Length && IsDigit(piece[at + length]))
            {
                length++;
            }
            for (int end = at + length; at < end;)
            {
                int group = (end - at) % 3 is > 0 and int first ? first : 3;
                int start = takesTextBefore ? previous : at;
                at += group;
                match(start, at - start);
                previous = at;
            }
            at += length == 0 ? 1 : 0;
        }
    }

    private bool IsDigit(char c) => ascii
        ? char.IsAsciiDigit(c)
        : CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
}
