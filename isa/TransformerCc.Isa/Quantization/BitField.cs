namespace TransformerCc.Isa.Quantization;

/// <summary>Some bits of one byte of a block.</summary>
public readonly record struct BitField(int Byte, int Shift, int Width)
{
    public int Mask => (1 << Width) - 1;

    /// <summary>The number that several fields make, the first one lowest.</summary>
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
}
