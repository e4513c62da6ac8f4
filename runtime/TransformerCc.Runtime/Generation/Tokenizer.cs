using System.Globalization;
using System.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Generation.Tokenizers;

namespace TransformerCc.Runtime.Generation;

/// <summary>
/// Text to token ids and back, as the program's file describes it; ids are llama.cpp's for every string. Not thread-safe.
/// </summary>
public sealed class Tokenizer
{
    private readonly Vocabulary _vocabulary;
    private readonly ITextEncoder _encoder;
    private readonly TokenizerKind _kind;
    private readonly bool _addBos, _addEos, _addSpacePrefix, _cleanSpaces;
    private readonly byte[]?[] _pieces;

    private Tokenizer(TokenizerData data)
    {
        Data = data;
        _kind = TokenizerKind.Of(data);
        PreTokenizer? pre = _kind == TokenizerKind.ByteLevel ? PreTokenizers.Find(data.Pre) : null;
        _vocabulary = new Vocabulary(data, pre is { HasBos: false } ? _kind with { Bos = null } : _kind);
        _addBos = data.AddBos ?? pre?.AddBos ?? _kind.AddBos;
        _addEos = data.AddEos ?? _kind.AddEos;
        _addSpacePrefix = data.AddSpacePrefix ?? _kind.AddSpacePrefix;
        _cleanSpaces = pre?.CleanSpaces ?? _kind.CleanSpaces;
        bool lowercase = data.Lowercase ?? true;
        _encoder = pre is not null ? new ByteLevelEncoder(data, _vocabulary, pre)
            : _kind == TokenizerKind.SentencePiece ? new SentencePieceEncoder(_vocabulary, _addSpacePrefix)
            : _kind == TokenizerKind.WordPiece ? new WordPieceEncoder(_vocabulary, lowercase, data.StripAccents ?? lowercase)
            : new UnigramEncoder(data, _vocabulary, _addSpacePrefix, data.RemoveExtraWhitespaces ?? false);
        _pieces = new byte[_vocabulary.Count][];
    }

    public TokenizerData Data { get; }

    public int Count => _vocabulary.Count;

    /// <summary>Begin of text; null when the model has none.</summary>
    public int? Bos => _vocabulary.Bos;

    public int? Eos => _vocabulary.Eos;

    /// <summary>Text that is lost for want of tokens, in words; null: none is.</summary>
    public string? Gap => _encoder.Gap;

    /// <summary>Ends of text, of turn, of message.</summary>
    public IReadOnlySet<int> EndOfGeneration => _vocabulary.EndOfGenerationIds;

    /// <exception cref="DiagnosticException">TCC5201 to TCC5204: the tokenizer is not known, or its data is incomplete.</exception>
    public static Tokenizer Create(TokenizerData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new Tokenizer(data);
    }

    /// <param name="addSpecial">Put begin and end tokens where the model wants them.</param>
    /// <param name="parseSpecial">Recognise control tokens written in the text.</param>
    public IReadOnlyList<int> Encode(string text, bool addSpecial = true, bool parseSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        bool wordPiece = _kind == TokenizerKind.WordPiece;
        Add(addSpecial && (_addBos || wordPiece) ? Bos : null);
        bool afterSpecial = true;
        foreach (Fragment fragment in SpecialTokens.Split(_vocabulary, WellFormed(text), parseSpecial))
        {
            Add(fragment.Token);
            if (fragment.Token is null)
            {
                _encoder.Encode(fragment.Text, afterSpecial, ids);
            }
            afterSpecial = fragment.Token is not null;
        }
        Add(addSpecial && wordPiece ? _vocabulary.Separator : addSpecial && _addEos ? Eos : null);
        return ids;

        void Add(int? id)
        {
            if (id is int i)
            {
                ids.Add(i);
            }
        }
    }

    /// <summary>The bytes of a text's tokens: the space that encoding put before the text is taken off again.</summary>
    /// <param name="special">Control tokens appear as their text.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is no token.</exception>
    public byte[] Decode(IEnumerable<int> ids, bool special = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new List<byte>();
        bool first = true;
        foreach (int id in ids)
        {
            ReadOnlySpan<byte> piece = Piece(id, special);
            bytes.AddRange(first && _addSpacePrefix && piece is [(byte)' ', ..] ? piece[1..] : piece);
            first = false;
        }
        return _cleanSpaces ? SpaceCleaning.Apply([.. bytes]) : [.. bytes];
    }

    /// <summary>What one token adds to a running text; it may end inside a character.</summary>
    /// <inheritdoc cref="Decode"/>
    public ReadOnlySpan<byte> Piece(int id, bool special = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, Count);
        return !special && _vocabulary.Has(id, TokenTraits.Unknown | TokenTraits.Control) ? [] : _pieces[id] ??= CreatePiece(id);
    }

    private byte[] CreatePiece(int id)
    {
        string text = _vocabulary.Text(id);
        if (_vocabulary.Has(id, TokenTraits.Unknown | TokenTraits.Control | TokenTraits.UserDefined))
        {
            return Encoding.UTF8.GetBytes(text);
        }
        if (_vocabulary.Has(id, TokenTraits.Normal))
        {
            return _kind == TokenizerKind.ByteLevel ? ByteAlphabet.Decode(text) : Encoding.UTF8.GetBytes(text.Replace(SentencePieceEncoder.Space, ' '));
        }
        return _vocabulary.Has(id, TokenTraits.Byte) && text.Length >= 5 && byte.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value) ? [value] : [];
    }

    /// <summary>Half a surrogate pair is no character: it becomes U+FFFD, as it would in UTF-8.</summary>
    private static string WellFormed(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }
        var result = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            result.Append(rune.ToString());
        }
        return result.ToString();
    }
}
