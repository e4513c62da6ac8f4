namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>A part of a text: plain, or a special token.</summary>
/// <param name="Token">Null for plain text.</param>
internal readonly record struct Fragment(string Text, int? Token);

/// <summary>
/// Finds special tokens in text, the longest first wherever they stand, as llama.cpp does. User-defined tokens are always
/// found, control and unknown tokens only where they are asked for: what a user types must not end a turn.
/// </summary>
internal static class SpecialTokens
{
    private const string Spaces = " \t\n\v\f\r";

    public static List<Fragment> Split(Vocabulary vocabulary, string text, bool parseSpecial)
    {
        List<Fragment> fragments = text.Length > 0 ? [new(text, null)] : [];
        foreach (int id in vocabulary.SpecialIds)
        {
            string token = vocabulary.Text(id);
            if ((parseSpecial || !vocabulary.Has(id, TokenTraits.Control | TokenTraits.Unknown)) && text.Contains(token, StringComparison.Ordinal))
            {
                fragments = [.. fragments.SelectMany(f => f.Token is null ? Split(vocabulary, f.Text, id, token) : [f])];
            }
        }
        return fragments;
    }

    private static IEnumerable<Fragment> Split(Vocabulary vocabulary, string text, int id, string token)
    {
        int at = 0;
        for (int match; (match = text.IndexOf(token, at, StringComparison.Ordinal)) >= 0;)
        {
            string before = text[at..match];
            before = vocabulary.Has(id, TokenTraits.StripLeft) ? before.TrimEnd(Spaces.ToCharArray()) : before;
            if (before.Length > 0)
            {
                yield return new(before, null);
            }
            yield return new(token, id);
            at = match + token.Length;
            while (vocabulary.Has(id, TokenTraits.StripRight) && at < text.Length && Spaces.Contains(text[at], StringComparison.Ordinal))
            {
                at++;
            }
        }
        if (at < text.Length)
        {
            yield return new(text[at..], null);
        }
    }
}
