using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Binding;

/// <summary>
/// The pages that the sequences of a session share: which of them a sequence has, in order, and how many positions each
/// holds. A page is taken when a sequence first needs it, the lowest that is free.
/// </summary>
internal sealed class PagePool
{
    private readonly long _size, _columns;

    /// <summary>Positions that a page holds.</summary>
    private readonly long[] _held;
    private readonly List<long>[] _pages;

    /// <summary>Pages that were given back; those from <see cref="_fresh"/> on were never taken.</summary>
    private readonly SortedSet<long> _returned = [];
    private long _fresh;

    /// <param name="pages">Pages that there are.</param>
    /// <param name="size">Positions of a page.</param>
    /// <param name="columns">The most pages of a sequence.</param>
    public PagePool(long pages, long size, long sequences, long columns)
    {
        // A binary may state any sizes.
        DramLayout.CheckSize(StateDescription.PageTable, (long)Int128.Min((Int128)long.Max(size, long.Max(pages, sequences)) * sizeof(long), long.MaxValue));
        (_size, _columns, _held) = (size, columns, new long[pages]);
        _pages = [.. Enumerable.Range(0, (int)sequences).Select(_ => new List<long>())];
    }

    /// <summary>The most positions of a sequence.</summary>
    public long Positions => (long)Int128.Min((Int128)_size * _columns, long.MaxValue);

    /// <summary>Pages that sequences have.</summary>
    public long Taken => _fresh - _returned.Count;

    /// <summary>Positions that each page holds from its beginning on.</summary>
    public IReadOnlyList<long> Held => _held;

    public void Clear()
    {
        for (int b = 0; b < _pages.Length; b++)
        {
            Release(b);
        }
        Array.Clear(_held);
    }

    /// <summary>Gives the pages of a sequence back.</summary>
    public void Release(int sequence) => Keep(sequence, 0);

    /// <summary>The host says which pages the sequences have: those of the pool are free again, and what they hold stays.</summary>
    public void Disown()
    {
        foreach (List<long> pages in _pages)
        {
            _returned.UnionWith(pages);
            pages.Clear();
        }
    }

    /// <summary>A table for a run that appends: every sequence gets the pages that it needs, and no more.</summary>
    /// <returns>Null where there are too few, or where the host knows the pages of what is past.</returns>
    public long[]? Assign(ReadOnlySpan<long> past, long length, DiagnosticList diagnostics)
    {
        long needed = 0;
        for (int b = 0; b < past.Length; b++)
        {
            needed += Count(past[b] + length);
            if (_pages[b].Count < Count(past[b]))
            {
                diagnostics.Add(Diagnostic.Error("TCC5040", FormattableString.Invariant($"the pages of sequence {b} came with the input '{StateDescription.PageTable}' of an earlier run"), null, "give the table with every run that continues it"));
                return null;
            }
        }
        if (needed > _held.Length)
        {
            diagnostics.Add(Diagnostic.Error("TCC5039", FormattableString.Invariant($"the sequences need {needed} pages of {_size} positions, there are {_held.Length}"), null, "nothing was changed: run fewer or shorter sequences, or create the state with more pages"));
            return null;
        }
        long[] table = new long[past.Length * _columns];
        for (int b = 0; b < past.Length; b++)
        {
            Keep(b, Count(past[b] + length));
        }
        for (int b = 0; b < past.Length; b++)
        {
            while (_pages[b].Count < Count(past[b] + length))
            {
                _pages[b].Add(Take());
            }
            _pages[b].CopyTo(table, (int)(b * _columns));
        }
        return table;
    }

    /// <summary>Whether a table names pages there are, which hold what is past, and none that is written has a second use.</summary>
    public void Check(ReadOnlySpan<long> table, ReadOnlySpan<long> past, long length, DiagnosticList diagnostics)
    {
        var written = new Dictionary<long, bool>();
        for (int i = 0; i < table.Length && !diagnostics.HasErrors; i++)
        {
            long page = table[i], sequence = i / _columns, first = i % _columns * _size, before = long.Clamp(past[(int)sequence] - first, 0, _size);
            string? problem = null;
            if (page < 0 || page >= _held.Length)
            {
                problem = FormattableString.Invariant($"there are {_held.Length} pages");
            }
            else if (first < past[(int)sequence] + length)
            {
                bool writes = past[(int)sequence] + length > first + before && before < _size;
                bool used = written.TryGetValue(page, out bool other);
                problem = _held[page] < before ? FormattableString.Invariant($"of the {before} positions before the run it holds {_held[page]}")
                    : used && (writes || other) ? "the run would write it and use it twice" : null;
                written[page] = writes || other;
            }
            if (problem is not null)
            {
                diagnostics.Add(Diagnostic.Error("TCC5040", FormattableString.Invariant($"'{StateDescription.PageTable}' gives sequence {sequence} page {page} as its number {i % _columns}: {problem}"), null, "leave the table out, and the session makes one"));
            }
        }
    }

    /// <summary>Before the run, or after it: how much the pages hold that it writes.</summary>
    /// <param name="length">Positions that have been appended.</param>
    public void Write(ReadOnlySpan<long> table, ReadOnlySpan<long> past, long length, bool done)
    {
        for (int b = 0; b < past.Length; b++)
        {
            for (long number = past[b] / _size; number * _size < past[b] + length; number++)
            {
                ref long held = ref _held[table[(int)((b * _columns) + number)]];
                held = done ? long.Min(_size, past[b] + length - (number * _size)) : long.Min(held, long.Max(0, past[b] - (number * _size)));
            }
        }
    }

    private long Count(long positions) => (positions + _size - 1) / _size;

    private long Take()
    {
        if (_returned.Count == 0)
        {
            return _fresh++;
        }
        long lowest = _returned.Min;
        _returned.Remove(lowest);
        return lowest;
    }

    private void Keep(int sequence, long count)
    {
        List<long> pages = _pages[sequence];
        for (int i = pages.Count - 1; i >= count; i--)
        {
            _held[pages[i]] = 0;
            _returned.Add(pages[i]);
            pages.RemoveAt(i);
        }
    }
}
