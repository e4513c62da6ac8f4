using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>The types of a token; several can hold once names have been recognised.</summary>
[Flags]
internal enum TokenTraits
{
    None = 0,
    Normal = 1,
    Unknown = 2,
    Control = 4,
    UserDefined = 8,
    Unused = 16,
    Byte = 32,
    /// <summary>Takes the white space before it.</summary>
    StripLeft = 64,
    /// <summary>Takes the white space after it.</summary>
    StripRight = 128,
}

/// <summary>
/// Tokens by id and by text, with the defaults of each kind of tokenizer and what names tell where the file is silent.
/// Follows llama.cpp (<c>llama_vocab::impl::load</c>), whose guesses files rely on.
/// </summary>
internal sealed class Vocabulary
{
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly string[] _texts;
    private readonly TokenTraits[] _traits;
    private readonly ImmutableArray<float> _scores;

    public Vocabulary(TokenizerData data, TokenizerKind kind)
    {
        _texts = [.. data.Tokens];
        _scores = data.Scores;
        _ids = new Dictionary<string, int>(_texts.Length, StringComparer.Ordinal);
        for (int i = 0; i < _texts.Length; i++)
        {
            if (_texts[i].Length == 0)
            {
                _texts[i] = string.Create(CultureInfo.InvariantCulture, $"[EMPTY_{i}]");
            }
            _ids[_texts[i]] = i;
            LongestText = int.Max(LongestText, _texts[i].Length);
        }
        _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _traits = [.. Enumerable.Range(0, _texts.Length).Select(i => data.Types.IsEmpty ? TokenTraits.Normal : Traits(data.Types[i]))];
        Bos = Special(data.Bos, kind.Bos);
        Eos = Special(data.Eos, kind.Eos);
        Unknown = Special(data.Unknown, kind.Unknown);
        Separator = Special(data.Separator, kind.Separator);
        var ends = new EndOfGeneration(this);
        EndOfGenerationIds = ends.Recognize(data);
        SpecialIds = [.. Enumerable.Range(0, _texts.Length).Where(i => Has(i, TokenTraits.Control | TokenTraits.UserDefined | TokenTraits.Unknown)).OrderByDescending(i => Encoding.UTF8.GetByteCount(_texts[i]))];
        RecognizeStripping(data);
    }

    public int Count => _texts.Length;

    /// <summary>Characters of the longest token.</summary>
    public int LongestText { get; }

    public int? Bos { get; }

    public int? Eos { get; }

    public int? Unknown { get; }

    public int? Separator { get; }

    /// <summary>What ends an answer: end of text, of turn, of message.</summary>
    public IReadOnlySet<int> EndOfGenerationIds { get; }

    /// <summary>Control, user-defined and unknown tokens, the longest first.</summary>
    public ImmutableArray<int> SpecialIds { get; }

    public string Text(int id) => _texts[id];

    public float Score(int id) => _scores.IsEmpty ? 0 : _scores[id];

    public bool Has(int id, TokenTraits any) => (_traits[id] & any) != 0;

    public int? Find(ReadOnlySpan<char> text) => _idsBySpan.TryGetValue(text, out int id) ? id : null;

    public void Set(int id, TokenTraits traits) => _traits[id] = traits;

    public void Add(int id, TokenTraits traits) => _traits[id] |= traits;

    private int? Special(int? given, int? standard) => given ?? (standard < Count ? standard : null);

    private static TokenTraits Traits(TokenType type) => type switch
    {
        TokenType.Normal => TokenTraits.Normal,
        TokenType.Unknown => TokenTraits.Unknown,
        TokenType.Control => TokenTraits.Control,
        TokenType.UserDefined => TokenTraits.UserDefined,
        TokenType.Unused => TokenTraits.Unused,
        TokenType.Byte => TokenTraits.Byte,
        _ => TokenTraits.None,
    };

    /// <summary>Which special tokens take the white space beside them is in no key of the file: models are known by name.</summary>
    private void RecognizeStripping(TokenizerData data)
    {
        if (data.Pre.Contains("jina-v2-", StringComparison.Ordinal) || data.Architecture is "nomic-bert-moe" or "jina-bert-v3")
        {
            Mark("<mask>", TokenTraits.StripLeft);
        }
        else if (data.ModelName.Contains("phi-3", StringComparison.OrdinalIgnoreCase) || data.ModelName.Contains("phi3", StringComparison.OrdinalIgnoreCase))
        {
            foreach (int id in SpecialIds.Where(id => _texts[id] is not ("<unk>" or "<s>" or "<|endoftext|>")))
            {
                Add(id, TokenTraits.StripRight);
            }
            Mark("</s>", TokenTraits.StripRight);
        }
        else if (data.ModelName.Contains("modern-bert", StringComparison.OrdinalIgnoreCase))
        {
            Mark("[MASK]", TokenTraits.StripLeft);
        }

        void Mark(string text, TokenTraits traits)
        {
            if (Find(text) is int id)
            {
                Add(id, traits);
            }
        }
    }
}
