using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TransformerCc.Isa.Quantization;

/// <summary>Some bits of one byte of a block.</summary>
public readonly record struct BitField(int Byte, int Shift, int Width)
{
    public int Mask => (1 << Width) - 1;

    /// <summary>The number that several fields make, the first one lowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Read(ReadOnlySpan<byte> block, ReadOnlySpan<BitField> fields)
    {
        int value = 0, at = 0;
        foreach (BitField f in fields)
        {
            value |= ((block[f.Byte] >> f.Shift) & f.Mask) << at;
            at += f.Width;
        }
        return value;
    }

    /// <summary>Inverse of <see cref="Read"/>; other bits of the bytes stay.</summary>
    public static void Write(Span<byte> block, ReadOnlySpan<BitField> fields, int value)
    {
        foreach (BitField f in fields)
        {
            block[f.Byte] = (byte)((block[f.Byte] & ~(f.Mask << f.Shift)) | ((value & f.Mask) << f.Shift));
            value >>= f.Width;
        }
    }
}

/// <summary>
/// One bit or more of every code of a block. <paramref name="Run"/> consecutive codes take the lowest bits of consecutive
/// bytes, the next run the bits above them in the same bytes, until the bytes are full; then the next bytes follow. A run of
/// 1 is the plain packing, lowest bits first.
/// </summary>
internal readonly record struct BitPlane(int Offset, int Width, int Run)
{
    public BitField Of(int element)
    {
        int perByte = 8 / Width;
        (int chunk, int rest) = int.DivRem(element, Run * perByte);
        return new BitField(Offset + (chunk * Run) + (rest % Run), rest / Run * Width, Width);
    }

    /// <summary>Puts this plane's bits of all elements above the <paramref name="at"/> bits that levels hold already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void AddTo(Span<byte> levels, int at, ReadOnlySpan<byte> block)
    {
        for (int e = 0; e < levels.Length;)
        {
            (int source, int shift, int run) = RunAt(e, levels.Length);
            int i = 0;
            for (var masks = Vector128.Create((byte)((1 << Width) - 1)); i <= run - 16; i += 16)
            {
                // Shifts cross bytes; the mask removes what came from the neighbour.
                Vector128<byte> bits = (Vector128.Create(block[(source + i)..]).AsUInt16() >> shift).AsByte() & masks;
                (Vector128.Create<byte>(levels[(e + i)..]) | (bits.AsUInt16() << at).AsByte()).CopyTo(levels[(e + i)..]);
            }
            for (; i < run; i++)
            {
                levels[e + i] |= (byte)(((block[source + i] >> shift) & ((1 << Width) - 1)) << at);
            }
            e += run;
        }
    }

    /// <summary>The inverse, into a block where these bits are zero.</summary>
    public void TakeFrom(ReadOnlySpan<byte> levels, int at, Span<byte> block)
    {
        for (int e = 0; e < levels.Length;)
        {
            (int source, int shift, int run) = RunAt(e, levels.Length);
            for (int i = 0; i < run; i++)
            {
                block[source + i] |= (byte)(((levels[e + i] >> at) & ((1 << Width) - 1)) << shift);
            }
            e += run;
        }
    }

    /// <summary>The elements from one on that lie in consecutive bytes; whole bytes are all one run.</summary>
    private (int Byte, int Shift, int Count) RunAt(int element, int length)
    {
        BitField first = Of(element);
        return (first.Byte, first.Shift, Width == 8 ? length : Run);
    }
}
