using System.Globalization;
using System.Text;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// SentencePiece's BPE: of two neighbours that form a token, those whose token has the highest score are joined first. What is
/// no token at the end becomes the byte tokens of its UTF-8.
/// </summary>
internal sealed class SentencePieceEncoder(Vocabulary vocabulary, bool addSpacePrefix) : PairMerger, ITextEncoder
{
    /// <summary>U+2581 stands for a space.</summary>
    public const char Space = '▁';

    private readonly int?[] _bytes = [.. Enumerable.Range(0, 256).Select(b => ByteToken(vocabulary, (byte)b))];

    public string? Gap => vocabulary.Unknown is null && _bytes.Count(b => b is null) is > 0 and var count
        ? string.Create(CultureInfo.InvariantCulture, $"characters that are no token lose {count} of the 256 bytes: these have no token, and there is no unknown token") : null;

    public void Encode(string text, bool afterSpecial, List<int> output)
    {
        string escaped = (addSpacePrefix && afterSpecial ? " " + text : text).Replace(' ', Space);
        Merge(escaped, byRune: true, (start, length) => Output(escaped.AsSpan(start, length), output));
    }

    protected override bool TryKey(ReadOnlySpan<char> left, ReadOnlySpan<char> right, out double key)
    {
        int length = left.Length + right.Length;
        key = 0;
        if (length > vocabulary.LongestText)
        {
            return false;
        }
        Span<char> both = length <= 256 ? stackalloc char[length] : new char[length];
        left.CopyTo(both);
        right.CopyTo(both[left.Length..]);
        if (vocabulary.Find(both) is not int id)
        {
            return false;
        }
        key = -vocabulary.Score(id);
        return true;
    }

    private void Output(ReadOnlySpan<char> symbol, List<int> output)
    {
        if (vocabulary.Find(symbol) is int id)
        {
            output.Add(id);
            return;
        }
        Span<byte> bytes = stackalloc byte[4];
        foreach (byte b in bytes[..Encoding.UTF8.GetBytes(symbol, bytes)])
        {
            if ((_bytes[b] ?? vocabulary.Unknown) is int token)
            {
                output.Add(token);
            }
        }
    }

    private static int? ByteToken(Vocabulary vocabulary, byte value) =>
        vocabulary.Find(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>")) ?? (value < 0x80 ? vocabulary.Find([(char)value]) : null);
}
