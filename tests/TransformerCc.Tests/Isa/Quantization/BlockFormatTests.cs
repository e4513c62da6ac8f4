using System.Buffers.Binary;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using Xunit;

namespace TransformerCc.Tests.Isa.Quantization;

/// <summary>What every block format promises, and the blocks of ONNX against their formula.</summary>
public sealed class BlockFormatTests
{
    public static TheoryData<int, int, ElementType, BlockZero> NBits
    {
        get
        {
            var data = new TheoryData<int, int, ElementType, BlockZero>();
            foreach (int bits in new[] { 2, 4, 8 })
            {
                foreach (int length in new[] { 16, 32, 64, 128, 256 })
                {
                    foreach (BlockZero zero in Enum.GetValues<BlockZero>())
                    {
                        data.Add(bits, length, ElementType.F16, zero);
                        data.Add(bits, length, ElementType.F32, zero);
                    }
                }
            }
            return data;
        }
    }

    [Fact]
    public void Formats_are_found_by_name_code_and_type()
    {
        foreach (BlockFormat format in BlockFormat.All)
        {
            Assert.InRange(format.Code, WeightFormat.FirstBlockCode, byte.MaxValue);
            Assert.Same(format, BlockFormat.OfCode(format.Code));
            Assert.True(WeightFormat.TryParse(format.Name, out WeightFormat parsed));
            Assert.Same(format, parsed.Block);
            Assert.Equal(format.Name, new WeightFormat(format.Code).ToString());
            if (format.GgmlType is { } type)
            {
                Assert.Same(format, BlockFormat.OfGgml(type));
            }
        }
        Assert.Equal("q4_k", BlockFormat.OfGgml(12)?.Name);
        Assert.Null(BlockFormat.OfGgml(0)); // f32
        Assert.Null(BlockFormat.OfGgml(int.MaxValue));
        Assert.Null(BlockFormat.OfGgml(-1));
        Assert.Equal(90, BlockFormat.All.Count(f => f.Name.StartsWith("nbits", StringComparison.Ordinal)));
    }

    [Fact]
    public void Codes_are_exact_in_bf16_and_groups_divide_blocks()
    {
        var random = new Random(1);
        foreach (BlockFormat format in BlockFormat.All)
        {
            Assert.True(format.GroupSize is 16 or 32);
            Assert.Equal(0, format.BlockLength % format.GroupSize);
            byte[] block = new byte[format.PanelFormat.BlockBytes];
            random.NextBytes(block);
            Assert.All(Enumerable.Range(0, format.BlockLength), e => Assert.InRange(format.Codes.Of(block, e), -256, 256));
            Assert.Equal(2 * format.BlockBytes, format.RowBytes(format.BlockLength + 1));
        }
    }

    [Theory]
    [MemberData(nameof(NBits))]
    public void Blocks_of_ONNX_follow_their_formula(int bits, int length, ElementType scaleType, BlockZero zero)
    {
        BlockFormat format = BlockFormat.NBits(bits, length, scaleType, zero);
        var random = new Random(bits + length);
        int[] codes = [.. Enumerable.Range(0, length).Select(_ => random.Next(1 << bits))];
        float scale = (float)(Half)(random.NextSingle() - 0.5f), minimum = random.NextSingle();
        int zeroCode = zero == BlockZero.Code ? random.Next(1 << bits) : zero == BlockZero.None ? 1 << (bits - 1) : 0;

        byte[] block = new byte[format.BlockBytes];
        for (int i = 0; i < length; i++)
        {
            block[i * bits / 8] |= (byte)(codes[i] << (i * bits % 8));
        }
        Span<byte> rest = block.AsSpan(length * bits / 8);
        if (scaleType == ElementType.F16)
        {
            BinaryPrimitives.WriteHalfLittleEndian(rest, (Half)scale);
        }
        else
        {
            BinaryPrimitives.WriteSingleLittleEndian(rest, scale);
        }
        rest = rest[scaleType.Size()..];
        if (zero == BlockZero.Code)
        {
            rest[0] = (byte)zeroCode;
        }
        else if (zero == BlockZero.Minimum)
        {
            BinaryPrimitives.WriteSingleLittleEndian(rest, minimum);
        }
        Assert.Equal(zero switch { BlockZero.None => 0, BlockZero.Code => 1, _ => 4 }, rest.Length);

        float[] values = new float[length];
        format.Decode(block, values);
        float[] expected = [.. codes.Select(q => (scale * (q - zeroCode)) - (zero == BlockZero.Minimum ? minimum : 0f))];
        Assert.Equal(expected, values);
        Assert.Equal(int.Min(length, 32), format.GroupSize);
    }

    [Fact]
    public void Other_blocks_of_ONNX_do_not_exist()
    {
        Assert.Throws<ArgumentException>(() => BlockFormat.NBits(3, 32, ElementType.F16, BlockZero.None));
        Assert.Throws<ArgumentException>(() => BlockFormat.NBits(4, 48, ElementType.F16, BlockZero.None));
        Assert.Throws<ArgumentException>(() => BlockFormat.NBits(4, 32, ElementType.BF16, BlockZero.None));
    }
}
