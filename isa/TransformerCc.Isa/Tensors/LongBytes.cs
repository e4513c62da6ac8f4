namespace TransformerCc.Isa.Tensors;

/// <summary>
/// Bytes that may be more than the 2 GiB of one span: of a mapped file mostly. A reader asks for a part of them by its offset,
/// and nothing else is read or held.
/// </summary>
public abstract class LongBytes
{
    public abstract long Length { get; }

    /// <summary>What they are and where they lie: the name of the tensor and its file, for diagnostics.</summary>
    public abstract string Location { get; }

    /// <summary>A part, valid as long as someone holds it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the bytes.</exception>
    public ReadOnlyMemory<byte> Memory(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Expect(offset, length);
        return View(offset, length);
    }

    /// <inheritdoc cref="Memory"/>
    public ReadOnlySpan<byte> Span(long offset, int length) => Memory(offset, length).Span;

    /// <summary>A part that may be long too; a view, as all of them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the bytes.</exception>
    public LongBytes Slice(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Expect(offset, length);
        return new Part(this, offset, length);
    }

    /// <summary>A part that is known to lie inside.</summary>
    protected abstract ReadOnlyMemory<byte> View(long offset, int length);

    private void Expect(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
    }

    private sealed class Part(LongBytes whole, long start, long length) : LongBytes
    {
        public override long Length => length;

        public override string Location => whole.Location;

        protected override ReadOnlyMemory<byte> View(long offset, int length) => whole.View(start + offset, length);
    }
}
