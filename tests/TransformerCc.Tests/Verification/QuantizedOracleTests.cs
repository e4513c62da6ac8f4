using System.Runtime.InteropServices;
using TransformerCc.Compiler;
using TransformerCc.Tests.Importers;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Verification;

/// <summary>Weights of a few bits in blocks: ONNX Runtime's own operators agree with ours, and the binary holds the blocks.</summary>
public sealed class QuantizedOracleTests
{
    private const string Microsoft = "com.microsoft";

    private const int Rows = 40, FloatType = 1, HalfType = 10;

    public enum Zeros
    {
        Default,
        Packed,
        Float,
    }

    [Theory]
    [InlineData(4, 32, 64, Zeros.Default, FloatType)]
    [InlineData(4, 16, 52, Zeros.Packed, FloatType)]
    [InlineData(4, 32, 100, Zeros.Float, FloatType)]
    [InlineData(4, 128, 300, Zeros.Packed, FloatType)]
    [InlineData(4, 64, 128, Zeros.Default, HalfType)]
    [InlineData(8, 16, 48, Zeros.Default, FloatType)]
    [InlineData(8, 32, 90, Zeros.Packed, FloatType)]
    [InlineData(8, 128, 260, Zeros.Default, FloatType)]
    [InlineData(2, 32, 96, Zeros.Default, FloatType)]
    [InlineData(2, 128, 200, Zeros.Packed, FloatType)]
    public void Products(int bits, int block, int columns, Zeros zeros, int type)
    {
        int blocks = (columns + block - 1) / block, zeroBytes = ((blocks * bits) + 7) / 8;
        var random = new Random(bits + block + columns);
        OnnxBuilder builder = new OnnxBuilder().Input("x", type, "n", columns)
            .Initializer("w", 2, [Rows, blocks, block * bits / 8], Bytes(random, Rows * blocks * block * bits / 8));
        Scales(builder, "s", type, [Rows * blocks], random);
        switch (zeros)
        {
            case Zeros.Packed: builder.Initializer("z", 2, [Rows, zeroBytes], Bytes(random, Rows * zeroBytes)); break;
            case Zeros.Float: builder.Floats("z", [Rows, blocks], [.. Enumerable.Range(0, Rows * blocks).Select(_ => random.NextSingle() * 15)]); break;
        }
        builder.Node(Microsoft, "MatMulNBits", zeros == Zeros.Default ? "x w s" : "x w s z", "y", Int("K", columns), Int("N", Rows), Int("bits", bits), Int("block_size", block));
        CompilationResult result = Agree(builder.Output("y", type), type == HalfType ? 2e-3 : 1e-5);
        // 40 columns are padded to 64; scale and zero point take up to 8 bytes of a block.
        Assert.InRange(result.Image!.Weights.Length, 1, 64 * blocks * ((block * bits / 8) + 8));
    }

    [Theory]
    [InlineData(4, 16, 48)]
    [InlineData(4, 32, 96)]
    [InlineData(8, 32, 96)]
    public void Rows_of_a_table(int bits, int block, int columns)
    {
        var random = new Random(bits + block);
        OnnxBuilder builder = new OnnxBuilder().Input("x", 7, "n").Initializer("w", 2, [Rows, columns * bits / 8], Bytes(random, Rows * columns * bits / 8));
        Scales(builder, "s", FloatType, [Rows, columns / block], random);
        Agree(builder.Node(Microsoft, "GatherBlockQuantized", "w x s", "y", Int("block_size", block), Int("bits", bits)).Output("y"), 1e-6);
    }

    private static CompilationResult Agree(OnnxBuilder builder, double tolerance)
    {
        builder.Model.OpsetImport.Add(new TransformerCc.Compiler.Importers.Onnx.Proto.OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        return SecondOracle.Agree(builder, tolerance: tolerance);
    }

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static void Scales(OnnxBuilder builder, string name, int type, long[] shape, Random random)
    {
        float[] values = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => 0.01f + (random.NextSingle() / 10))];
        builder.Initializer(name, type, shape, type == HalfType ? MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, v => (Half)v)) : MemoryMarshal.AsBytes<float>(values));
    }
}
