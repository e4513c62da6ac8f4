using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>Where positions lie in a cache, for evaluation: in slots of their sequence, or of the pages that a table names.</summary>
/// <param name="Shape">Of the cache: sequences or pages, heads, slots, width.</param>
/// <param name="Table">Page numbers, a row for each sequence; null without pages.</param>
internal sealed record CacheSlots(long[] Shape, bool Circular, Tensor? Table)
{
    private readonly long[]? _pages = Table is null ? null : TensorMath.Longs(Table);

    /// <summary>Slots that a sequence can have.</summary>
    public long Capacity => Table is null ? Shape[2] : Table.Shape[1] * Shape[2];

    /// <summary>The row of a position among those of the whole cache.</summary>
    public long Row(long sequence, long head, long position)
    {
        long slots = Shape[2], slot = Circular || _pages is not null ? position % slots : position;
        if (_pages is not null)
        {
            sequence = _pages[(sequence * Table!.Shape[1]) + (position / slots)];
            ShapeRules.Expect(sequence >= 0 && sequence < Shape[0], $"page {sequence} is outside a cache of {Shape[0]} pages");
        }
        return (((sequence * Shape[1]) + head) * slots) + slot;
    }
}
