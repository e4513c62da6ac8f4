using System.Collections.Immutable;

namespace TransformerCc.Isa.Quantization;

/// <summary>Every block format, by code.</summary>
internal static class BlockFormats
{
    private static readonly BlockFormat?[] s_byCode = new BlockFormat?[256];

    public static ImmutableArray<BlockFormat> All { get; } = Collect();

    public static BlockFormat? OfCode(byte code) => s_byCode[code];

    private static ImmutableArray<BlockFormat> Collect()
    {
        foreach (BlockFormat format in (IEnumerable<BlockFormat>)[.. GgmlFormats.All, .. GridFormats.All, .. NBitsFormats.All])
        {
            s_byCode[format.Code] = s_byCode[format.Code] is null ? format : throw new InvalidOperationException($"{format} and {s_byCode[format.Code]} have one code");
        }
        return [.. s_byCode.OfType<BlockFormat>()];
    }
}
