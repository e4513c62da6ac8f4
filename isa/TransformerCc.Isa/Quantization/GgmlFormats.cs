using System.Collections.Immutable;

namespace TransformerCc.Isa.Quantization;

/// <summary>
/// The block types of GGUF files. Layouts: ggml-common.h and ggml-quants.c of ggml (MIT), as found in the npm package
/// llama.rn 0.12.9.
/// </summary>
internal static class GgmlFormats
{
    /// <summary>The code of a type in an instruction is this plus its number in GGUF.</summary>
    public const int FirstCode = 64;

    /// <summary>Codes from here on belong to the formats that types are repacked to.</summary>
    public const int PanelCodes = 116;

    private const int SuperBlock = 256;

    private static readonly sbyte[] s_iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Twice the values of e2m1.</summary>
    private static readonly sbyte[] s_e2m1 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    private static readonly BlockFormat s_tq2 = Super("tq2_0", 35, 66, 32, Codes(SuperBlock, [new(0, 2, 32)], offset: 1), Scale(32, 64));

    public static ImmutableArray<BlockFormat> All { get; } =
    [
        Small("q4_0", 2, 18, Codes(32, [new(2, 4, 16)], offset: 8)),
        Small("q4_1", 3, 20, Codes(32, [new(4, 4, 16)]), AddedMinimum()),
        Small("q5_0", 6, 22, Codes(32, [new(6, 4, 16), new(2, 1, 1)], offset: 16)),
        Small("q5_1", 7, 24, Codes(32, [new(8, 4, 16), new(4, 1, 1)]), AddedMinimum()),
        Small("q8_0", 8, 34, Codes(32, [new(2, 8, 1)], offset: 128, flip: 0x80)),
        Super("q2_k", 10, 84, 16, Codes(SuperBlock, [new(16, 2, 32)]), Scale(16, 80, g => [new(g, 0, 4)]), Scale(16, 82, g => [new(g, 4, 4)])),
        Super("q3_k", 11, 110, 16, Codes(SuperBlock, [new(32, 2, 32), new(0, 1, 32)], offset: 4), Scale(16, 108, SixBitsInTwelve, addend: -32)),
        Super("q4_k", 12, 144, 32, Codes(SuperBlock, [new(16, 4, 32)]), Scale(32, 0, SubScale), Scale(32, 2, SubMinimum)),
        Super("q5_k", 13, 176, 32, Codes(SuperBlock, [new(48, 4, 32), new(16, 1, 32)]), Scale(32, 0, SubScale), Scale(32, 2, SubMinimum)),
        Super("q6_k", 14, 210, 16, Codes(SuperBlock, [new(0, 4, 64), new(128, 2, 32)], offset: 32), Scale(16, 208, g => [new(192 + g, 0, 8)], addend: -128, flip: 0x80)),
        Super("q8_k", 15, 292, 32, Codes(SuperBlock, [new(4, 8, 1)], offset: 128, flip: 0x80), new BlockScale(8, SuperScaleKind.F32, 0)),
        Small("iq4_nl", 20, 18, Codes(32, [new(2, 4, 16)], table: s_iq4)),
        Super("iq4_xs", 23, 136, 32, Codes(SuperBlock, [new(8, 4, 16)], table: s_iq4),
            Scale(32, 0, g => [new(4 + (g / 2), 4 * (g % 2), 4), new(2 + (g / 4), 2 * (g % 4), 2)], addend: -32)),
        new BlockFormat("tq1_0", CodeOf(34), 54, new TernaryRepacking(s_tq2)),
        s_tq2,
        new BlockFormat("mxfp4", CodeOf(39), 32, 17, 32, Codes(32, [new(1, 4, 16)], table: s_e2m1), new BlockScale(1, SuperScaleKind.HalvedE8M0, 0)),
        new BlockFormat("nvfp4", CodeOf(40), 64, 36, 16, Codes(64, [new(4, 4, 8)], table: s_e2m1), new BlockScale(4, SuperScaleKind.HalvedE4M3, 0, stride: 1)),
        new BlockFormat("q1_0", CodeOf(41), 128, 18, 32, Codes(128, [new(2, 1, 1)], table: [-1, 1]), new BlockScale(4, SuperScaleKind.F16, 0)),
        new BlockFormat("q2_0", CodeOf(42), 64, 18, 32, Codes(64, [new(2, 2, 1)], offset: 1), new BlockScale(2, SuperScaleKind.F16, 0)),
    ];

    private static byte CodeOf(int ggmlType) => (byte)(FirstCode + ggmlType);

    /// <summary>32 weights with an f16 scale in front.</summary>
    private static BlockFormat Small(string name, int ggmlType, int bytes, BlockCodes codes, BlockScale? minimum = null) =>
        new(name, CodeOf(ggmlType), 32, bytes, 32, codes, new BlockScale(1, SuperScaleKind.F16, 0), minimum);

    private static BlockFormat Super(string name, int ggmlType, int bytes, int groupSize, BlockCodes codes, BlockScale scale, BlockScale? minimum = null) =>
        new(name, CodeOf(ggmlType), SuperBlock, bytes, groupSize, codes, scale, minimum);

    private static BlockCodes Codes(int length, ReadOnlySpan<BitPlane> planes, int offset = 0, byte flip = 0, sbyte[]? table = null) => new(length, planes, offset, flip, table);

    /// <summary>An f16 super-scale for groups of a super-block.</summary>
    private static BlockScale Scale(int groupSize, int offset, Func<int, BitField[]>? sub = null, int addend = 0, byte flip = 0) =>
        new(SuperBlock / groupSize, SuperScaleKind.F16, offset, sub, addend: addend, flip: flip);

    /// <summary>The f16 after the scale is added, not subtracted.</summary>
    private static BlockScale AddedMinimum() => new(1, SuperScaleKind.F16, 2, factor: -1);

    // Q4_K and Q5_K: eight scales and eight minimums of 6 bits in bytes 4 to 15.
    private static BitField[] SubScale(int g) => g < 4 ? [new(4 + g, 0, 6)] : [new(8 + g, 0, 4), new(g, 6, 2)];

    private static BitField[] SubMinimum(int g) => g < 4 ? [new(8 + g, 0, 6)] : [new(8 + g, 4, 4), new(4 + g, 6, 2)];

    /// <summary>Q3_K: low nibbles of sixteen scales in 8 bytes, their upper 2 bits in the next 4.</summary>
    private static BitField[] SixBitsInTwelve(int g) => [new(96 + (g % 8), g / 8 * 4, 4), new(104 + (g % 4), g / 4 * 2, 2)];
}
