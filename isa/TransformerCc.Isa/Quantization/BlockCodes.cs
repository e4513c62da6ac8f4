using System.Collections.Immutable;
using System.Runtime.CompilerServices;

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
        int highest = (1 << Planes.Sum(p => p.Width)) - 1;
        Range = Levels.IsEmpty ? (-_offset, highest - _offset) : (Levels.Min() - _offset, Levels.Max() - _offset);
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

    /// <summary>The least and greatest code; without what a <see cref="ZeroByte"/> subtracts.</summary>
    internal (int Low, int High) Range { get; }

    /// <summary>The code nearest to a number, by the format's own offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Nearest(float code) => Value(Bits(code, _offset)) - _offset;

    /// <summary>The raw bits of the nearest code.</summary>
    internal int NearestBits(ReadOnlySpan<byte> block, float code) => Bits(code, Offset(block));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Bits(float code, int offset)
    {
        if (Levels.IsEmpty)
        {
            (int low, int high) = Range;
            return (int)float.Clamp(float.Round(code) + offset, 0, high - low) ^ Flip;
        }
        int nearest = 0;
        for (int i = 1; i < Levels.Length; i++)
        {
            nearest = float.Abs(Levels[i] - offset - code) < float.Abs(Levels[nearest] - offset - code) ? i : nearest;
        }
        return nearest;
    }

    /// <summary>The level of raw bits.</summary>
    private int Value(int bits) => Levels.IsEmpty ? bits ^ Flip : Levels[bits];

    /// <summary>The levels of a whole block, and what they are less the offset: <see cref="Of"/> of each element.</summary>
    internal int ReadLevels(ReadOnlySpan<byte> block, Span<byte> levels)
    {
        levels.Clear();
        int at = 0;
        foreach (BitPlane plane in Planes)
        {
            plane.AddTo(levels, at, block);
            at += plane.Width;
        }
        if (!Levels.IsEmpty)
        {
            ReadOnlySpan<byte> table = Levels.AsSpan();
            foreach (ref byte level in levels)
            {
                level = table[level];
            }
        }
        else if (Flip != 0)
        {
            foreach (ref byte level in levels)
            {
                level ^= Flip;
            }
        }
        return Offset(block);
    }

    /// <summary>Writes the raw bits of all codes into a block where they are zero.</summary>
    internal void WriteBits(ReadOnlySpan<byte> bits, Span<byte> block)
    {
        int at = 0;
        foreach (BitPlane plane in Planes)
        {
            plane.TakeFrom(bits, at, block);
            at += plane.Width;
        }
    }

    /// <summary>The integer that the block's scale multiplies.</summary>
    public int Of(ReadOnlySpan<byte> block, int element) => Value(BitField.Read(block, Fields(element))) - Offset(block);
}
