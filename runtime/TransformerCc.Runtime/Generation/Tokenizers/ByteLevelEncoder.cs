using System.Globalization;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// Byte-level BPE: the text is cut into words by the model's rules, each word is written in <see cref="ByteAlphabet"/>, and
/// neighbours are joined in the order of the list of merges.
/// </summary>
internal sealed class ByteLevelEncoder : PairMerger, ITextEncoder
{
    public const string NoMerges = "TCC5203";

    private readonly Vocabulary _vocabulary;
    private readonly PreTokenizer _pre;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ranks;

    /// <exception cref="DiagnosticException">TCC5203: there are no merges.</exception>
    public ByteLevelEncoder(TokenizerData data, Vocabulary vocabulary, PreTokenizer pre)
    {
        if (data.Merges.IsEmpty)
        {
            throw new DiagnosticException(Diagnostic.Error(NoMerges, "the tokenizer is byte-level BPE and has no merges", null, "convert the model again; tokenizer.ggml.merges is missing in its file"));
        }
        _vocabulary = vocabulary;
        _pre = pre;
        // The words have no spaces, so that "left right" is found by no other pair.
        var ranks = new Dictionary<string, int>(data.Merges.Length, StringComparer.Ordinal);
        for (int i = 0; i < data.Merges.Length; i++)
        {
            ranks.TryAdd(data.Merges[i], i);
        }
        _ranks = ranks.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public string? Gap => ByteAlphabet.OfUtf8.Count(c => _vocabulary.Find([c]) is null) is > 0 and var count
        ? string.Create(CultureInfo.InvariantCulture, $"{count} of the bytes of UTF-8 have no token: text with them loses them") : null;

    public void Encode(string text, bool afterSpecial, List<int> output)
    {
        foreach (Range piece in _pre.Split(text))
        {
            string word = ByteAlphabet.Encode(text.AsSpan()[piece]);
            if (_pre.IgnoreMerges && _vocabulary.Find(word) is int whole)
            {
                output.Add(whole);
            }
            else
            {
                Merge(word, byRune: false, (start, length) => Output(word.AsSpan(start, length), output));
            }
        }
    }

    protected override bool TryKey(ReadOnlySpan<char> left, ReadOnlySpan<char> right, out double key)
    {
        int length = left.Length + 1 + right.Length;
        Span<char> pair = length <= 256 ? stackalloc char[length] : new char[length];
        left.CopyTo(pair);
        pair[left.Length] = ' ';
        right.CopyTo(pair[(left.Length + 1)..]);
        bool found = _ranks.TryGetValue(pair, out int rank);
        key = rank;
        return found;
    }

    private void Output(ReadOnlySpan<char> symbol, List<int> output)
    {
        if (_vocabulary.Find(symbol) is int id)
        {
            output.Add(id);
            return;
        }
        // As llama.cpp: what is no token falls apart into its ASCII characters, the rest is lost.
        foreach (char c in symbol)
        {
            if (c < 0x80 && _vocabulary.Find([c]) is int single)
            {
                output.Add(single);
            }
        }
    }
}
