using System.Text;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// GPT-2's alphabet: each byte has a printable character, so that tokens are strings without white space. Bytes that are
/// printable in Latin-1 stand for themselves, the others for U+0100 and following in their order (openai/gpt-2, encoder.py).
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_characters = Characters();
    private static readonly Dictionary<char, byte> s_bytes = Enumerable.Range(0, 256).ToDictionary(b => s_characters[b], b => (byte)b);

    /// <summary>The characters of the bytes that UTF-8 has: all but C0, C1 and those from F5 on.</summary>
    public static IEnumerable<char> OfUtf8 => s_characters.Where((_, b) => b is not (0xC0 or 0xC1 or >= 0xF5));

    /// <summary>The UTF-8 of a text in the alphabet.</summary>
    public static string Encode(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(bytes.Length, bytes, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = s_characters[source[i]];
            }
        });
    }

    /// <summary>The bytes of a token. A character outside the alphabet is shown as llama.cpp shows it.</summary>
    public static byte[] Decode(string token)
    {
        var bytes = new List<byte>(token.Length);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in token.EnumerateRunes())
        {
            if (rune.IsBmp && s_bytes.TryGetValue((char)rune.Value, out byte value))
            {
                bytes.Add(value);
            }
            else
            {
                int length = rune.EncodeToUtf8(utf8);
                bytes.AddRange(Encoding.UTF8.GetBytes($"[UNK_BYTE_0x{Convert.ToHexStringLower(utf8[..length])}{token}]"));
            }
        }
        return [.. bytes];
    }

    private static char[] Characters()
    {
        var characters = new char[256];
        int other = 0x100;
        for (int b = 0; b < 256; b++)
        {
            characters[b] = b is >= 0x21 and <= 0x7E or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)other++;
        }
        return characters;
    }
}
