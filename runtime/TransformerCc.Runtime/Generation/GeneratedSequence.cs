using System.Text;
using TransformerCc.Runtime.Generation.Sampling;

namespace TransformerCc.Runtime.Generation;

/// <summary>One prompt and its answer while they run: what waits to be read, what has been read, what can be shown.</summary>
internal sealed class GeneratedSequence
{
    private readonly GenerationOptions _options;
    private readonly Tokenizer? _tokenizer;
    private readonly Sampler _sampler;
    private readonly StopMatcher _stop;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly long _context;
    private readonly Queue<int> _pending;
    private int _generated;

    public GeneratedSequence(IReadOnlyList<int> prompt, GenerationOptions options, Tokenizer? tokenizer, long context)
    {
        (_options, _tokenizer, _context) = (options, tokenizer, context);
        _sampler = new Sampler(options.Sampling);
        _stop = new StopMatcher(options.Stop);
        _pending = new Queue<int>(prompt);
        foreach (int token in prompt)
        {
            _sampler.Accept(token);
        }
    }

    /// <summary>Positions in the cache that count.</summary>
    public long Past { get; private set; }

    /// <summary>Tokens that wait to be read.</summary>
    public int Pending => _pending.Count;

    public FinishReason? Finish { get; private set; }

    /// <summary>Positions that are left.</summary>
    public long Room => _context - Past;

    /// <summary>The tokens of the next run.</summary>
    public int[] Take(int most)
    {
        var row = new int[int.Min(most, _pending.Count)];
        for (int i = 0; i < row.Length; i++)
        {
            row[i] = _pending.Dequeue();
        }
        Past += row.Length;
        return row;
    }

    /// <summary>Chooses the next token. Only when nothing is pending.</summary>
    public GeneratedToken Next(int index, Prediction prediction)
    {
        int token = _sampler.Choose(prediction.Logits, prediction.Likeliest);
        _sampler.Accept(token);
        _generated++;
        bool ends = !_options.IgnoreEnd && _tokenizer?.EndOfGeneration.Contains(token) == true;
        string text = ends || _tokenizer is null || token >= _tokenizer.Count ? "" : _stop.Add(Characters(_tokenizer.Piece(token), flush: false));
        Finish = ends ? FinishReason.End
            : _stop.Stopped ? FinishReason.StopString
            : _generated >= _options.MaxTokens ? FinishReason.MaxTokens
            : Room == 0 ? FinishReason.ContextFull
            : null;
        if (Finish is not (null or FinishReason.StopString))
        {
            text += _stop.Add(Characters([], flush: true)) + _stop.Flush();
        }
        _pending.Enqueue(token);
        return new GeneratedToken(index, token, text, Finish);
    }

    private string Characters(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[_utf8.GetCharCount(bytes, flush)];
        _utf8.GetChars(bytes, characters, flush);
        return new string(characters);
    }
}
