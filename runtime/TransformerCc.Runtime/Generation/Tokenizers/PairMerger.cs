namespace TransformerCc.Runtime.Generation.Tokenizers;

/// <summary>
/// Byte-pair merging: the pair of neighbours with the smallest key is joined first, of equal keys the leftmost, until none
/// can be joined. A queue of all candidates keeps it at n log n; candidates whose symbols have changed since are recognised
/// by their length, because a symbol only ever grows.
/// </summary>
internal abstract class PairMerger
{
    private readonly PriorityQueue<(int Left, int Right, int Length), (double Key, int Left)> _queue = new();
    private readonly List<Symbol> _symbols = [];

    /// <summary>The key of joining two neighbours; false when they cannot be joined.</summary>
    protected abstract bool TryKey(ReadOnlySpan<char> left, ReadOnlySpan<char> right, out double key);

    /// <summary>Cuts the text into symbols and joins them; calls back with each that is left, in order.</summary>
    /// <param name="byRune">Each symbol starts as a code point; otherwise as a UTF-16 code unit.</param>
    protected void Merge(string text, bool byRune, Action<int, int> symbol)
    {
        _symbols.Clear();
        _queue.Clear();
        for (int at = 0; at < text.Length;)
        {
            int length = byRune && char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;
            int index = _symbols.Count;
            at += length;
            _symbols.Add(new Symbol(at - length, length, index - 1, at < text.Length ? index + 1 : -1));
        }
        for (int i = 1; i < _symbols.Count; i++)
        {
            Offer(text, i - 1, i);
        }
        while (_queue.TryDequeue(out (int Left, int Right, int Length) pair, out _))
        {
            Symbol left = _symbols[pair.Left], right = _symbols[pair.Right];
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != pair.Length)
            {
                continue;
            }
            _symbols[pair.Left] = left with { Length = pair.Length, Next = right.Next };
            _symbols[pair.Right] = right with { Length = 0 };
            if (right.Next >= 0)
            {
                _symbols[right.Next] = _symbols[right.Next] with { Previous = pair.Left };
            }
            Offer(text, left.Previous, pair.Left);
            Offer(text, pair.Left, right.Next);
        }
        for (int i = 0; i >= 0 && i < _symbols.Count; i = _symbols[i].Next)
        {
            symbol(_symbols[i].Start, _symbols[i].Length);
        }
    }

    private void Offer(string text, int left, int right)
    {
        if (left >= 0 && right >= 0)
        {
            Symbol l = _symbols[left], r = _symbols[right];
            if (TryKey(text.AsSpan(l.Start, l.Length), text.AsSpan(r.Start, r.Length), out double key))
            {
                _queue.Enqueue((left, right, l.Length + r.Length), (key, left));
            }
        }
    }

    private readonly record struct Symbol(int Start, int Length, int Previous, int Next);
}
