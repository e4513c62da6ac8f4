using System.Globalization;
using System.Text;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// BERT's WordPiece: words are cut at white space, punctuation and Chinese characters, lower-cased and stripped of accents,
/// then covered from the left by the longest tokens. The converter wrote ▁ before tokens that begin a word and took the ##
/// off the others. A word that cannot be covered is the unknown token.
/// </summary>
internal sealed class WordPieceEncoder(Vocabulary vocabulary, bool lowercase, bool stripAccents) : ITextEncoder
{
    public string? Gap => vocabulary.Unknown is null ? "words that no tokens cover are lost: there is no unknown token" : null;

    public void Encode(string text, bool afterSpecial, List<int> output)
    {
        foreach (string word in Words(text))
        {
            int before = output.Count;
            string marked = SentencePieceEncoder.Space + word;
            for (int at = 0; at < marked.Length;)
            {
                int length = LongestToken(marked.AsSpan(at), out int id);
                if (length == 0)
                {
                    output.RemoveRange(before, output.Count - before);
                    break;
                }
                output.Add(id);
                at += length;
            }
            if (output.Count == before && vocabulary.Unknown is int unknown)
            {
                output.Add(unknown);
            }
        }
    }

    private int LongestToken(ReadOnlySpan<char> text, out int id)
    {
        for (int length = int.Min(text.Length, vocabulary.LongestText); length > 0; length--)
        {
            if (vocabulary.Find(text[..length]) is int found)
            {
                id = found;
                return length;
            }
        }
        id = 0;
        return 0;
    }

    private List<string> Words(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (Rune original in text.EnumerateRunes())
        {
            Rune rune = stripAccents ? BaseCharacters.Of(original) : original;
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (Rune.IsWhiteSpace(rune))
            {
                Finish();
            }
            else if (rune.Value is not (0 or 0xFFFD) && !IsControl(category) && !(stripAccents && IsMark(category)))
            {
                bool alone = IsPunctuation(category) || (rune.Value < 0x7F && category is >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol) || IsChinese(rune.Value);
                if (alone)
                {
                    Finish();
                }
                word.Append(lowercase ? ToLower(rune).ToString() : rune.ToString());
                if (alone)
                {
                    Finish();
                }
            }
        }
        Finish();
        return words;

        void Finish()
        {
            if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }
    }

    /// <summary>Simple case mapping; İ is i there, and itself in .NET's invariant culture.</summary>
    private static Rune ToLower(Rune rune) => rune.Value == 0x130 ? new Rune('i') : Rune.ToLowerInvariant(rune);

    private static bool IsControl(UnicodeCategory c) => c is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse;

    private static bool IsMark(UnicodeCategory c) => c is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static bool IsPunctuation(UnicodeCategory c) => c is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;

    /// <summary>The blocks of BERT's BasicTokenizer, with the slip of the Rust implementation in the sixth (0x2B920 for 0x2B820) that ids depend on.</summary>
    private static bool IsChinese(int c) =>
        c is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}
