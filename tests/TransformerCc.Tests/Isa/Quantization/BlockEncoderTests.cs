using System.Runtime.InteropServices;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;
using Xunit;
using Xunit.Abstractions;

namespace TransformerCc.Tests.Isa.Quantization;

/// <summary>Encoding loses little more than ggml's encoders do, and nothing where the values are codes already.</summary>
public sealed class BlockEncoderTests(ITestOutputHelper output)
{
    /// <summary>Relative root-mean-square error of ggml's encoders (index.json of the data) on original.npy.</summary>
    public static TheoryData<string, double> Errors => new()
    {
        { "q4_0", 0.07933 }, { "q5_0", 0.03992 }, { "q8_0", 0.005087 }, { "q2_k", 0.1749 }, { "q4_k", 0.03966 },
        { "q5_k", 0.01953 }, { "q6_k", 0.01663 }, { "iq4_nl", 0.07059 }, { "mxfp4", 0.1149 },
    };

    public static TheoryData<string> Encoded => [.. BlockFormat.All.Where(f => f.CanEncode).Select(f => f.Name)];

    [DataTheory("quant")]
    [MemberData(nameof(Errors))]
    public void Errors_are_near_those_of_ggml(string name, double error)
    {
        Tensor original = NpyFile.Read(TestData.Get("quant/original.npy"));
        double own = RelativeError(Find(name), MemoryMarshal.Cast<byte, float>(original.Data.Span).ToArray());
        output.WriteLine(FormattableString.Invariant($"{name} {own:F5}, ggml {error:F5}"));
        Assert.InRange(own, 0, 1.5 * error);
    }

    /// <summary>For formats without such a figure: a step of the codes is what may be lost.</summary>
    [Theory]
    [MemberData(nameof(Encoded))]
    public void Errors_are_of_the_size_of_a_step(string name)
    {
        BlockFormat format = Find(name);
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, 8 * 256).Select(i => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * (1 + (i / 256))))];
        int levels = Enumerable.Range(0, 2000).Select(_ => Code(format, random)).Distinct().Count();
        Assert.InRange(RelativeError(format, values), 0, 2.0 / levels);
    }

    [Theory]
    [MemberData(nameof(Encoded))]
    public void Zeros_and_single_values_stay(string name)
    {
        BlockFormat format = Find(name);
        float[] values = new float[format.BlockLength], decoded = new float[format.BlockLength];
        byte[] block = new byte[format.BlockBytes];
        format.Encode(values, block);
        format.Decode(block, decoded);
        Assert.All(decoded, v => Assert.Equal(0f, v));

        values.AsSpan().Fill(-0.75f);
        format.Encode(values, block);
        format.Decode(block, decoded);
        Assert.All(decoded, v => Assert.InRange(v, -0.85f, -0.65f));
    }

    private static BlockFormat Find(string name) => BlockFormat.TryParse(name, out BlockFormat? format) ? format : throw new ArgumentException(name);

    private static int Code(BlockFormat format, Random random)
    {
        byte[] block = new byte[format.BlockBytes];
        random.NextBytes(block);
        return format.Codes.Of(block, 0) + format.Codes.Offset(block);
    }

    private static double RelativeError(BlockFormat format, float[] values)
    {
        byte[] blocks = new byte[format.RowBytes(values.Length)];
        float[] decoded = new float[values.Length];
        format.Encode(values, blocks);
        format.Decode(blocks, decoded);
        return Math.Sqrt(values.Zip(decoded, (a, b) => (double)(a - b) * (a - b)).Sum() / values.Sum(v => (double)v * v));
    }
}
