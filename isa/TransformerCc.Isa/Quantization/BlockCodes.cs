using System.Collections.Immutable;

namespace TransformerCc.Isa.Quantization;

/// <summary>
/// Where a block holds the codes of its elements, and what integer a code means: level − offset, where the level is the raw
/// bits with <see cref="Flip"/> applied, or what <see cref="Levels"/> holds for them. Levels are bytes, so that decoders
/// handle them as such; |code| ≤ 256, exact in bf16.
/// </summary>
public sealed class BlockCodes
{
    private readonly ImmutableArray<BitField>[] _fields;
    private readonly int _offset;

    internal BlockCodes(int blockLength, ReadOnlySpan<BitPlane> planes, int offset = 0, byte flip = 0, ReadOnlySpan<sbyte> table = default, int? zeroByte = null)
    {
        _offset = table.IsEmpty ? offset : LevelOffset;
        Planes = [.. planes];
        Flip = flip;
        ZeroByte = zeroByte;
        Levels = [.. table.ToArray().Select(v => (byte)(v + LevelOffset))];
        _fields = new ImmutableArray<BitField>[blockLength];
        for (int e = 0; e < blockLength; e++)
        {
            var fields = ImmutableArray.CreateBuilder<BitField>(planes.Length);
            foreach (BitPlane plane in planes)
            {
                fields.Add(plane.Of(e));
            }
            _fields[e] = fields.MoveToImmutable();
        }
    }

    /// <summary>Levels of a table are its signed values, moved into a byte.</summary>
    private const int LevelOffset = 128;

    internal ImmutableArray<BitPlane> Planes { get; }

    /// <summary>Exclusive-or mask of the raw bits: 0x80 turns two's complement into an offset of 128.</summary>
    public byte Flip { get; }

    /// <summary>The level of each raw code, at most 16; empty where the raw bits are the level.</summary>
    public ImmutableArray<byte> Levels { get; }

    /// <summary>The byte of the block that holds its offset; null where the offset is the format's.</summary>
    public int? ZeroByte { get; }

    /// <summary>The bit fields of one element's code, the first one lowest.</summary>
    public ReadOnlySpan<BitField> Fields(int element) => _fields[element].AsSpan();

    /// <summary>What is subtracted from a level.</summary>
    public int Offset(ReadOnlySpan<byte> block) => ZeroByte is { } zero ? block[zero] : _offset;

    /// <inheritdoc cref="Offset(ReadOnlySpan{byte})"/>
    /// <remarks>Only for formats without <see cref="ZeroByte"/>.</remarks>
    public int FixedOffset => _offset;

    public int Level(ReadOnlySpan<byte> block, int element)
    {
        int raw = BitField.Read(block, Fields(element)) ^ Flip;
        return Levels.IsEmpty ? raw : Levels[raw];
    }

    /// <summary>The integer that the block's scale multiplies.</summary>
    public int Of(ReadOnlySpan<byte> block, int element) => Level(block, element) - Offset(block);
}
