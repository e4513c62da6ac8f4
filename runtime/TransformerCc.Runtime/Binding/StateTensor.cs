using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Runtime.Binding;

/// <summary>The bytes of a state, and what is known of the positions they hold.</summary>
internal sealed class StateTensor
{
    /// <summary>One past the highest position ever touched, by sequence: a circular cache has lost what lies a whole turn below.</summary>
    private readonly long[] _touched;

    /// <summary>Of a paged state.</summary>
    private readonly PagePool? _pool;

    /// <param name="pool">The pages of a paged state.</param>
    public StateTensor(TensorSymbol symbol, IReadOnlyDictionary<string, long> dimensions, long sequences, PagePool? pool)
    {
        _pool = symbol.State!.Mode == StateMode.Paged ? pool : null;
        Symbol = symbol;
        Shape = DramLayout.Shape(symbol, dimensions);
        long bytes = DramLayout.Bytes(symbol, Shape);
        DramLayout.CheckSize(symbol.Name, bytes);
        Memory = GC.AllocateArray<byte>((int)bytes, pinned: true);
        Positions = symbol.State.Positions is { } most ? DimensionBinder.Evaluate(most, dimensions, symbol.Name) : symbol.State.Mode == StateMode.Append ? Slots : long.MaxValue;
        Positions = long.Min(Positions, _pool?.Positions ?? long.MaxValue);
        Held = new long[sequences];
        _touched = new long[Held.Length];
    }

    public TensorSymbol Symbol { get; }

    public long[] Shape { get; }

    public byte[] Memory { get; }

    /// <summary>Positions of each sequence after the last run.</summary>
    public long[] Held { get; }

    /// <summary>The most that a sequence may have.</summary>
    public long Positions { get; }

    public long Slots => Shape[StateDescription.SlotAxis];

    public void Clear()
    {
        Array.Clear(Held);
        Array.Clear(_touched);
    }

    /// <summary>Forgets every position of a sequence.</summary>
    public void Release(int sequence) => (Held[sequence], _touched[sequence]) = (0, 0);

    /// <summary>Whether the positions that a run reads are there and those that it appends have room.</summary>
    /// <param name="holds">Whether the positions of each sequence are those of its last run; otherwise its pages tell.</param>
    public void Check(ReadOnlySpan<long> past, long length, bool holds, DiagnosticList diagnostics)
    {
        StateDescription state = Symbol.State!;
        for (int b = 0; b < past.Length && !diagnostics.HasErrors; b++)
        {
            long end = past[b] + length, oldest = state.Window == 0 ? 0 : long.Max(0, past[b] - state.Window + 1);
            if (past[b] < 0 || (past[b] > Held[b] && (holds || _pool is null || past[b] > Positions)))
            {
                diagnostics.Add(Diagnostic.Error("TCC5033", FormattableString.Invariant($"'{state.Past}' says that sequence {b} has {past[b]} positions; its cache '{Symbol.Name}' holds {Held[b]}"), null, "continue at a position that earlier runs with the same state have computed"));
            }
            else if (end > Positions || (length > Slots && _pool is null))
            {
                diagnostics.Add(Diagnostic.Error("TCC5034", FormattableString.Invariant($"sequence {b} would have {end} positions, {past[b]} of them past; its cache '{Symbol.Name}' has room for {long.Min(Positions, state.Mode == StateMode.Append ? Slots : long.MaxValue)}"), null, "nothing was changed: run fewer tokens, or begin with a larger context"));
            }
            else if (state.Mode == StateMode.Circular && oldest < long.Max(_touched[b], end) - Slots)
            {
                diagnostics.Add(Diagnostic.Error("TCC5035", FormattableString.Invariant($"sequence {b} continues at position {past[b]}, which sees position {oldest}; the circular cache '{Symbol.Name}' of {Slots} positions has gone on to {long.Max(_touched[b], end)} and lost it"), null, "run fewer tokens at once, or begin the sequence again"));
            }
        }
    }

    /// <summary>Before the run: these positions will be overwritten, whatever becomes of the run.</summary>
    public void Begin(ReadOnlySpan<long> past, long length)
    {
        for (int b = 0; b < past.Length; b++)
        {
            _touched[b] = long.Max(_touched[b], past[b] + length);
            Held[b] = long.Min(Held[b], past[b]);
        }
    }

    /// <summary>After the run: the new positions count.</summary>
    public void End(ReadOnlySpan<long> past, long length)
    {
        for (int b = 0; b < past.Length; b++)
        {
            Held[b] = past[b] + length;
        }
    }

    /// <summary>The runs of bytes (start, length) that hold positions.</summary>
    public IEnumerable<(long Start, long Length)> Written()
    {
        long rowBytes = Shape[^1] * Symbol.Type.Size(), heads = Shape[1];
        IReadOnlyList<long> held = _pool?.Held ?? Held;
        for (int b = 0; b < held.Count; b++)
        {
            for (long h = 0; h < heads && held[b] > 0; h++)
            {
                yield return (((b * heads) + h) * Slots * rowBytes, long.Min(held[b], Slots) * rowBytes);
            }
        }
    }
}
