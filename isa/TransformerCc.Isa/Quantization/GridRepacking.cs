using System.Numerics;

namespace TransformerCc.Isa.Quantization;

/// <summary>How the sign bits of eight weights are stored.</summary>
internal enum GridSigns
{
    /// <summary>Eight bits, 1 negative.</summary>
    Eight,
    /// <summary>Seven bits; the eighth makes their number even.</summary>
    SevenAndParity,
    /// <summary>One bit for all: of IQ1's shift of ±1/8, not of the weights.</summary>
    Shared,
}

/// <summary>
/// Grid-based types to plain codes: the digits of a grid's points and one sign bit each, four-bit sub-scales, an f16 scale.
/// What differs between the types is where the bits lie.
/// </summary>
/// <param name="index">Bit fields of the point of a run of weights.</param>
/// <param name="signs">Bit fields of the signs of eight weights.</param>
/// <param name="scale">Bit fields of the sub-scale of a group of the target.</param>
/// <param name="super">Bit fields of the f16 scale.</param>
internal sealed class GridRepacking(BlockFormat target, Grid grid, Func<int, BitField[]> index, GridSigns signMode, Func<int, BitField[]> signs, Func<int, BitField[]> scale, BitField[] super) : Repacking(target)
{
    private const int SignedWeights = 8;

    private readonly BitField[][] _index = [.. Enumerable.Range(0, target.BlockLength / grid.Weights).Select(index)];
    private readonly BitField[][] _signs = [.. Enumerable.Range(0, target.BlockLength / SignedWeights).Select(signs)];
    private readonly BitField[][] _scale = [.. Enumerable.Range(0, target.BlockLength / target.GroupSize).Select(scale)];

    public override void Block(ReadOnlySpan<byte> block, Span<byte> repacked)
    {
        repacked.Clear();
        Span<byte> codes = stackalloc byte[Target.BlockLength];
        Span<int> digits = stackalloc int[grid.Weights];
        int signs = 0, signBit = BitOperations.RoundUpToPowerOf2((uint)grid.Levels) == 4 ? 4 : 8;
        for (int e = 0; e < Target.BlockLength; e++)
        {
            if (e % grid.Weights == 0)
            {
                grid.Digits(BitField.Read(block, _index[e / grid.Weights]), digits);
            }
            signs = e % SignedWeights == 0 ? Signs(block, e / SignedWeights) : signs >> 1;
            codes[e] = (byte)(digits[e % grid.Weights] | ((signs & 1) != 0 ? signBit : 0));
        }
        Target.Codes.WriteBits(codes, repacked);
        for (int g = 0; g < _scale.Length; g++)
        {
            BitField.Write(repacked, Target.Scale.SubFields(g), BitField.Read(block, _scale[g]));
        }
        BitConverter.TryWriteBytes(repacked[Target.Scale.SuperBytes(0)], (ushort)BitField.Read(block, super));
    }

    private int Signs(ReadOnlySpan<byte> block, int octet)
    {
        int bits = BitField.Read(block, _signs[octet]);
        return signMode switch
        {
            GridSigns.Eight => bits,
            GridSigns.SevenAndParity => bits | ((BitOperations.PopCount((uint)bits) & 1) << 7),
            _ => bits * 0xFF,
        };
    }
}
