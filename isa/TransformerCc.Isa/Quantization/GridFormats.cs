using System.Collections.Immutable;

namespace TransformerCc.Isa.Quantization;

/// <summary>
/// The grid-based types of GGUF and the formats of their panels. Layouts: as in <see cref="GgmlFormats"/>. Panels take 3.3
/// bits a weight for IQ1 and IQ2 and 4.2 for IQ3: grids would need a table of 2048 points in every array.
/// </summary>
internal static class GridFormats
{
    private const int SuperBlock = 256;

    private static readonly BitField[] s_first16 = Bits(0, 0, 16);

    /// <summary>Codes are digit + 4 · sign. The shift of ±1/8 is in the level, in eighths.</summary>
    private static readonly BlockFormat s_iq1 = ThreeBits("iq1_codes", 0, [-7, 1, 9, 0, -9, -1, 7, 0]);
    private static readonly BlockFormat s_iq2 = ThreeBits("iq2_codes", 1, [8, 25, 43, 0, -8, -25, -43, 0]);

    /// <summary>Codes are digit + 8 · sign.</summary>
    private static readonly BlockFormat s_iq3Xxs = FourBits("iq3_xxs_codes", 2, 0.25f, [4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62]);
    private static readonly BlockFormat s_iq3S = FourBits("iq3_s_codes", 3, 1f, [1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15]);

    public static ImmutableArray<BlockFormat> All { get; } =
    [
        s_iq1, s_iq2, s_iq3Xxs, s_iq3S,

        // d; for each 32 weights four indices, then four times 7 signs and a scale of 4 bits.
        Type("iq2_xxs", 16, 66, new GridRepacking(s_iq2, Grid.Iq2Xxs, o => Bits(2 + (8 * (o / 4)) + (o % 4), 0, 8), GridSigns.SevenAndParity, o => Bits(6 + (8 * (o / 4)), 7 * (o % 4), 7), g => Bits(6 + (8 * (g / 2)), 28, 4), s_first16)),
        // d; for each 8 weights an index of 9 bits and 7 signs; scales of 4 bits for each 16.
        Type("iq2_xs", 17, 74, new GridRepacking(s_iq2, Grid.Iq2Xs, o => Bits(2 + (2 * o), 0, 9), GridSigns.SevenAndParity, o => Bits(2 + (2 * o), 9, 7), g => Bits(66, 4 * g, 4), s_first16)),
        // d; low 8 bits of indices; signs; high 2 bits of indices; scales of 4 bits for each 16.
        Type("iq2_s", 22, 82, new GridRepacking(s_iq2, Grid.Iq2S, o => [.. Bits(2 + o, 0, 8), .. Bits(66, 2 * o, 2)], GridSigns.Eight, o => Bits(34 + o, 0, 8), g => Bits(74, 4 * g, 4), s_first16)),
        // d; indices; for each 32 weights four times 7 signs and a scale of 4 bits.
        Type("iq3_xxs", 18, 98, new GridRepacking(s_iq3Xxs, Grid.Iq3Xxs, r => Bits(2 + r, 0, 8), GridSigns.SevenAndParity, o => Bits(66 + (4 * (o / 4)), 7 * (o % 4), 7), g => Bits(66 + (4 * g), 28, 4), s_first16)),
        // d; low 8 bits of indices; their high bits; signs; scales of 4 bits for each 32.
        Type("iq3_s", 21, 110, new GridRepacking(s_iq3S, Grid.Iq3S, r => [.. Bits(2 + r, 0, 8), .. Bits(66, r, 1)], GridSigns.Eight, o => Bits(74 + o, 0, 8), g => Bits(106, 4 * g, 4), s_first16)),
        // d; low 8 bits of indices; for each 32 weights the high 3 bits of four indices, a scale of 3 bits and the shift's sign.
        Type("iq1_s", 19, 50, new GridRepacking(s_iq1, Grid.Iq1, o => [.. Bits(2 + o, 0, 8), .. Bits(34 + (2 * (o / 4)), 3 * (o % 4), 3)], GridSigns.Shared, o => Bits(34 + (2 * (o / 4)), 15, 1), g => Bits(34 + (2 * (g / 2)), 12, 3), s_first16)),
        // Low 8 bits of indices; for each 8 weights their high 3 bits and the shift's sign; four words of four scales of 3 bits and a quarter of d.
        Type("iq1_m", 29, 56, new GridRepacking(s_iq1, Grid.Iq1, o => [.. Bits(o, 0, 8), .. Bits(32, 4 * o, 3)], GridSigns.Shared, o => Bits(32, (4 * o) + 3, 1), g => Bits(48 + (2 * (g / 4)), 3 * (g % 4), 3), [new(49, 4, 4), new(51, 4, 4), new(53, 4, 4), new(55, 4, 4)])),
    ];

    private static BlockFormat Type(string name, int ggmlType, int bytes, GridRepacking repacking) => new(name, (byte)(GgmlFormats.FirstCode + ggmlType), bytes, repacking);

    /// <summary>Two low bits, the high bit, sub-scales for each 16, the scale: d · (2 s + 1) / 8.</summary>
    private static BlockFormat ThreeBits(string name, int number, sbyte[] table) => new(name, (byte)(GgmlFormats.PanelCodes + number), SuperBlock, 106, 16,
        new BlockCodes(SuperBlock, [new(0, 2, 32), new(64, 1, 32)], table: table), new BlockScale(16, SuperScaleKind.F16, 104, g => Bits(96, 4 * g, 4), multiplier: 2, addend: 1, factor: 0.125f));

    /// <summary>Codes of four bits, sub-scales for each 32, the scale.</summary>
    private static BlockFormat FourBits(string name, int number, float factor, sbyte[] table) => new(name, (byte)(GgmlFormats.PanelCodes + number), SuperBlock, 134, 32,
        new BlockCodes(SuperBlock, [new(0, 4, 32)], table: table), new BlockScale(8, SuperScaleKind.F16, 132, g => Bits(128, 4 * g, 4), multiplier: 2, addend: 1, factor: factor));

    /// <summary>Consecutive bits of a little-endian number that starts at a byte.</summary>
    private static BitField[] Bits(int firstByte, int bit, int width)
    {
        var fields = new List<BitField>();
        for (int end = bit + width; bit < end;)
        {
            int taken = int.Min(8 - (bit % 8), end - bit);
            fields.Add(new BitField(firstByte + (bit / 8), bit % 8, taken));
            bit += taken;
        }
        return [.. fields];
    }
}
