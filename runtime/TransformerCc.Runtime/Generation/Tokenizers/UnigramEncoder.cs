using System.Text;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// SentencePiece's unigram model: of all ways to cover the normalised text with tokens, the one whose scores (log
/// probabilities) have the largest sum, by Viterbi's algorithm over code points. A code point that no token covers costs 10
/// more than the least likely token; neighbours of that kind become one unknown token.
/// </summary>
internal sealed class UnigramEncoder : ITextEncoder
{
    private const double UnknownPenalty = 10;

    private readonly Vocabulary _vocabulary;
    private readonly CharacterMap _map;
    private readonly PrefixSearch _tokens, _userDefined;
    private readonly bool _addSpacePrefix, _mergeSpaces;
    private readonly double _unknownScore;

    public UnigramEncoder(TokenizerData data, Vocabulary vocabulary, bool addSpacePrefix, bool mergeSpaces)
    {
        _vocabulary = vocabulary;
        _map = new CharacterMap(data.CharacterMap.AsSpan());
        _addSpacePrefix = addSpacePrefix;
        _mergeSpaces = mergeSpaces;
        int[] all = [.. Enumerable.Range(0, vocabulary.Count)];
        _tokens = new PrefixSearch(vocabulary, all.Where(i => vocabulary.Has(i, TokenTraits.Normal | TokenTraits.UserDefined | TokenTraits.Unused)));
        _userDefined = new PrefixSearch(vocabulary, all.Where(i => vocabulary.Has(i, TokenTraits.UserDefined)));
        float least = all.Where(i => vocabulary.Has(i, TokenTraits.Normal)).Select(vocabulary.Score).DefaultIfEmpty(float.MaxValue).Min();
        _unknownScore = (float)(least - UnknownPenalty);
    }

    public string? Gap => _vocabulary.Unknown is null ? "characters that no token covers are lost: there is no unknown token" : null;

    public void Encode(string text, bool afterSpecial, List<int> output)
    {
        string normalized = Normalize(text);
        int unknown = _vocabulary.Unknown ?? -1;
        var best = new (int Token, int Start, double Score)[normalized.Length + 1];
        Array.Fill(best, (unknown, 0, double.NegativeInfinity));
        best[0].Score = 0;
        for (int at = 0; at < normalized.Length;)
        {
            int width = char.IsHighSurrogate(normalized[at]) ? 2 : 1;
            bool covered = false;
            double score = best[at].Score;
            var search = _tokens.Start();
            for (int end = at; end < normalized.Length && search.Step(normalized[end]);)
            {
                end++;
                if (search.Token is int token)
                {
                    covered |= end - at == width;
                    Offer(end, token, score + (_vocabulary.Has(token, TokenTraits.UserDefined) ? 0 : _vocabulary.Score(token)));
                }
            }
            if (!covered)
            {
                Offer(at + width, unknown, score + _unknownScore);
            }

            void Offer(int end, int token, double candidate)
            {
                if (candidate > best[end].Score)
                {
                    best[end] = (token, at, candidate);
                }
            }
            at += width;
        }
        int first = output.Count;
        for (int at = normalized.Length, last = -1; at > 0; at = best[at].Start)
        {
            int token = best[at].Token;
            if (token >= 0 && !(token == unknown && last == unknown))
            {
                output.Add(token);
            }
            last = token;
        }
        output.Reverse(first, output.Count - first);
    }

    /// <summary>Replaces what the map knows, and spaces by ▁: one before the first word, one for each run where runs are merged.</summary>
    private string Normalize(string text)
    {
        byte[] input = Encoding.UTF8.GetBytes(text);
        byte[] space = Encoding.UTF8.GetBytes([SentencePieceEncoder.Space]);
        var output = new List<byte>(input.Length * 2);
        bool begun = false, inWord = false;
        for (int at = 0; at < input.Length;)
        {
            ReadOnlySpan<byte> rest = input.AsSpan(at);
            int consumed = UserDefinedPrefix(rest);
            ReadOnlySpan<byte> piece = rest[..consumed];
            if (consumed == 0 && (consumed = _map.LongestPrefix(rest, out piece)) == 0)
            {
                Rune.DecodeFromUtf8(rest, out _, out consumed);
                piece = rest[..consumed];
            }
            foreach (byte b in piece)
            {
                if (b == (byte)' ')
                {
                    inWord = false;
                    if (!_mergeSpaces)
                    {
                        output.AddRange(space);
                    }
                    continue;
                }
                if (!inWord)
                {
                    inWord = true;
                    if ((_addSpacePrefix && !begun) || _mergeSpaces)
                    {
                        output.AddRange(space);
                        begun = true;
                    }
                }
                output.Add(b);
            }
            at += consumed;
        }
        return Encoding.UTF8.GetString([.. output]);
    }

    /// <summary>Bytes of the longest user-defined token that the text begins with.</summary>
    private int UserDefinedPrefix(ReadOnlySpan<byte> text)
    {
        if (_userDefined.IsEmpty)
        {
            return 0;
        }
        var search = _userDefined.Start();
        int longest = 0;
        Span<char> pair = stackalloc char[2];
        for (int at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf8(text[at..], out Rune rune, out int width);
            int units = rune.EncodeToUtf16(pair);
            if (!search.Step(pair[0]) || (units == 2 && !search.Step(pair[1])))
            {
                break;
            }
            at += width;
            longest = search.Token is null ? longest : at;
        }
        return longest;
    }
}
