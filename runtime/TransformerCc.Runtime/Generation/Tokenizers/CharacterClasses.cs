using System.Globalization;
using System.Text;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// A text with one UTF-16 character for each code point, so that regular expressions see code points: what lies beyond the
/// basic plane is represented by a character of the same class that no expression names.
/// </summary>
internal sealed class CharacterClasses
{
    /// <summary>Letter without case, number, mark, punctuation, symbol, anything else.</summary>
    private const char Letter = '\u05D0', Number = '\u0660', Mark = '\u0300', Punctuation = '\u00A7', Symbol = '\u00A9', Other = '\u00AD';

    /// <summary>Stands for the letters that the expression of deepseek-llm lists; the list contains it.</summary>
    private const char ListedLetter = '\u00DF';

    /// <summary>Index in the text of each character; null when they are the same.</summary>
    private readonly int[]? _sources;

    public CharacterClasses(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            Characters = text;
            return;
        }
        var characters = new StringBuilder(text.Length);
        var sources = new List<int>(text.Length + 1);
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            characters.Append(rune.IsBmp ? (char)rune.Value : Representative(rune));
            sources.Add(at);
            at += rune.Utf16SequenceLength;
        }
        sources.Add(at);
        Characters = characters.ToString();
        _sources = [.. sources];
    }

    public string Characters { get; }

    /// <summary>Where a character begins in the text; the number of characters gives the text's length.</summary>
    public int Source(int character) => _sources?[character] ?? character;

    private static char Representative(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter when IsListed(rune.Value) => ListedLetter,
        <= UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Mark,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation => Punctuation,
        >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol => Symbol,
        _ => Other,
    };

    /// <summary>Deseret, Osage, Old Hungarian, Warang Citi, Adlam: the scripts with case that deepseek-llm's tokenizer.json lists.</summary>
    private static bool IsListed(int c) =>
        c is >= 0x10400 and <= 0x1044F or >= 0x104B0 and <= 0x104D3 or >= 0x104D8 and <= 0x104FB or >= 0x10C80 and <= 0x10CB2 or >= 0x10CC0 and <= 0x10CF2 or >= 0x118A0 and <= 0x118DF or >= 0x1E900 and <= 0x1E943;
}
