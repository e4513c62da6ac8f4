namespace TransformerCc.Isa.Quantization;

/// <summary>Turns blocks that the matrix engine does not read into blocks that it does, without changing a value.</summary>
internal abstract class Repacking(BlockFormat target)
{
    public BlockFormat Target => target;

    /// <summary>One block; every byte of the result is written.</summary>
    public abstract void Block(ReadOnlySpan<byte> block, Span<byte> repacked);
}

/// <summary>
/// TQ1_0 to TQ2_0: base-3 digits, five to a byte, become 2 bits each. A digit is the top of the byte's value times a power of
/// 3, as a fraction of 256: the encoder stored ⌈n · 256 / 243⌉.
/// </summary>
internal sealed class TernaryRepacking(BlockFormat target) : Repacking(target)
{
    /// <summary>Runs of bytes that hold a digit of consecutive weights each: first byte, bytes, digits.</summary>
    private static readonly (int Byte, int Count, int Digits)[] s_runs = [(0, 32, 5), (32, 16, 5), (48, 4, 4)];

    private const int ScaleByte = 52, TargetScaleByte = 64;

    public override void Block(ReadOnlySpan<byte> block, Span<byte> repacked)
    {
        repacked.Clear();
        Span<byte> codes = stackalloc byte[Target.BlockLength];
        int element = 0;
        foreach ((int first, int count, int digits) in s_runs)
        {
            int power = 1;
            for (int d = 0; d < digits; d++, power *= 3)
            {
                for (int b = 0; b < count; b++)
                {
                    int fraction = (block[first + b] * power) & 0xFF;
                    codes[element++] = (byte)((fraction * 3) >> 8);
                }
            }
        }
        Target.Codes.WriteBits(codes, repacked);
        block[ScaleByte..].CopyTo(repacked[TargetScaleByte..]);
    }
}
