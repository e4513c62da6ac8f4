using System.Runtime.InteropServices;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Isa.Quantization;

/// <summary>Every block type of GGUF decodes to the bits of ggml's own decoders.</summary>
public sealed class BlockVectorTests
{
    /// <summary>
    /// Type, seed of the bytes, blocks, the first two and the last value, FNV-1a of all values' bytes. Made with dequantize_row_*
    /// of ggml (ggml-quants.c in the npm package llama.rn 0.12.9) on the bytes of <see cref="Bytes"/>.
    /// </summary>
    public static TheoryData<string, uint, int, float[], ulong> Vectors => new()
    {
        { "q4_0", 2, 4, [-171520f, 107200f, 46824f], 0x3C8A6904E9B9746D },
        { "q4_1", 1, 4, [4787.71875f, 5585.71875f, 27081.9961f], 0x8D87FA0F7445B25D },
        { "q5_0", 1, 4, [2394f, -798f, -0.00117623806f], 0x36926124E92ECD89 },
        { "q5_1", 2, 4, [471678.688f, 385918.688f, -0.30378747f], 0x50D2559E3D6F2B83 },
        { "q8_0", 1, 4, [-50673f, -30324f, -10880f], 0x383F23ED1C034476 },
        { "q2_k", 1, 2, [-0.00101351738f, -0.041731596f, -0.00896561146f], 0x9A4C9F735386D164 },
        { "q3_k", 1, 2, [-110.085938f, -36.6953125f, 4.88342285f], 0xBD75989F05A7800D },
        { "q4_k", 1, 2, [57457.125f, 14365.126f, 6.8760252f], 0x080DE6BBE2D09D80 },
        { "q5_k", 1, 2, [33517.125f, 148429.125f, 181.924332f], 0x1D6F7D041A4A5978 },
        { "q6_k", 2, 2, [433.984375f, 585.878906f, 3388608f], 0x66CBECB978D32752 },
        { "q8_k", 2, 2, [3.14488029f, -1.29241657f, -3.64865563e-24f], 0xAB5E030FEB4080F7 },
        { "iq2_xxs", 1, 2, [8379f, -8379f, -0.00160396099f], 0xA43E82A283CDCAED },
        { "iq2_xs", 2, 2, [536000f, -1675000f, 0.0125803053f], 0x3DC698A0002ACA97 },
        { "iq3_xxs", 2, 2, [4984800f, 321600f, -2703008f], 0xC59828ED2EA7B22D },
        { "iq1_s", 1, 2, [-49.875f, -49.875f, 0.00111445785f], 0x8B52C3C73DCBD56D },
        { "iq4_nl", 2, 4, [-2722880f, 1479360f, 694556f], 0xC36C78560E08DE07 },
        { "iq3_s", 1, 2, [-64239f, -9177f, -0.789550781f], 0x9E4690E484D10443 },
        { "iq2_s", 1, 2, [-9177f, -9177f, -0.0050675869f], 0x9821D164F0EB1765 },
        { "iq4_xs", 1, 2, [78204f, 103740f, -12409.4531f], 0x4F63B0BA60D88D35 },
        { "iq1_m", 1, 2, [0.000785551965f, 8.72835517e-05f, -0.00665140152f], 0x330D1CC0CAE7141F },
        { "tq1_0", 1, 2, [-0.993652344f, 0f, -0.455810547f], 0x87DFA803D8BE7F35 },
        { "tq2_0", 1, 2, [6956f, -6956f, 0f], 0x905DA53133984803 },
        { "mxfp4", 1, 4, [-2.71050543e-20f, 3.38813179e-21f, 0f], 0xEC493EE8B5ACF710 },
        { "nvfp4", 1, 4, [-3f, -6f, -0.05078125f], 0xBB5140FDAD0B43E2 },
        { "q1_0", 2, 4, [-21440f, -21440f, 7804f], 0x656A459C9B6417A5 },
        { "q2_0", 2, 4, [-21440f, -21440f, 15608f], 0x9CBC6DEBAC67BF8C },
    };

    private static readonly string[] s_tensors = ["Q4_0", "Q5_0", "Q8_0", "Q2_K", "Q4_K", "Q5_K", "Q6_K", "IQ2_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "TQ1_0", "MXFP4"];

    /// <summary>The types of which whole tensors are kept outside the repository, quantised by ggml and random.</summary>
    public static TheoryData<string> Tensors =>
        [.. s_tensors.SelectMany(t => (string[])[t, t + ".random"])];

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Random_bytes_decode_as_ggml_decodes_them(string name, uint seed, int blocks, float[] samples, ulong hash)
    {
        Assert.True(BlockFormat.TryParse(name, out BlockFormat? format));
        byte[] bytes = Bytes(seed, blocks * format.BlockBytes);
        float[] values = new float[blocks * format.BlockLength];
        format.Decode(bytes, values);
        Assert.Equal(samples, new[] { values[0], values[1], values[^1] });
        Assert.Equal(hash, Hash(MemoryMarshal.AsBytes<float>(values)));
        AssertRepacks(format, bytes, values);
    }

    [DataTheory("quant")]
    [MemberData(nameof(Tensors))]
    public void Tensors_decode_as_ggml_decodes_them(string file)
    {
        Assert.True(BlockFormat.TryParse(file.Split('.')[0].ToLowerInvariant(), out BlockFormat? format));
        byte[] bytes = File.ReadAllBytes(TestData.Get($"quant/{file}.bin"));
        Tensor expected = NpyFile.Read(TestData.Get($"quant/{file}.f32.npy"));
        float[] values = new float[bytes.Length / format.BlockBytes * format.BlockLength];
        format.Decode(bytes, values);
        Assert.True(MemoryMarshal.AsBytes<float>(values).SequenceEqual(expected.Data.Span));
        AssertRepacks(format, bytes, values);
    }

    private static void AssertRepacks(BlockFormat format, byte[] bytes, float[] values)
    {
        BlockFormat panel = format.PanelFormat;
        byte[] repacked = new byte[bytes.Length / format.BlockBytes * panel.BlockBytes];
        repacked.AsSpan().Fill(0xA5);
        format.Repack(bytes, repacked);
        float[] again = new float[values.Length];
        panel.Decode(repacked, again);
        Assert.Equal(values, again);
        Assert.Same(panel, panel.PanelFormat);
    }

    /// <summary>The upper bytes of a linear congruential sequence.</summary>
    private static byte[] Bytes(uint seed, int count)
    {
        byte[] bytes = new byte[count];
        foreach (ref byte b in bytes.AsSpan())
        {
            seed = unchecked((seed * 1664525) + 1013904223);
            b = (byte)(seed >> 24);
        }
        return bytes;
    }

    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 14695981039346656037;
        foreach (byte b in bytes)
        {
            hash = unchecked((hash ^ b) * 1099511628211);
        }
        return hash;
    }
}
