using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>Weights of a few bits in blocks: their values are those of the definition, and they stay in blocks.</summary>
public sealed class OnnxBlockQuantizedTests
{
    private const string Microsoft = "com.microsoft";

    private const int Columns = 20, Rows = 3, Block = 16, BlocksPerRow = 2;

    private static double[] Run(OnnxBuilder builder, Tensor x)
    {
        Graph graph = builder.Output("y").Import();
        Assert.Empty(GraphVerifier.Verify(graph));
        return TensorMath.Doubles(GraphEvaluator.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = x })["y"]);
    }

    private static int Code(int row, int column, int bits) => ((row * 7) + (column * 5) + 3) & ((1 << bits) - 1);

    private static float Scale(int row, int block) => 0.5f + row + (0.25f * block);

    private static byte[] Packed(int count, int perRow, int bits, Func<int, int, int> code)
    {
        int bytesPerRow = ((perRow * bits) + 7) / 8;
        var bytes = new byte[count * bytesPerRow];
        for (int row = 0; row < count; row++)
        {
            for (int i = 0; i < perRow; i++)
            {
                bytes[(row * bytesPerRow) + (i * bits / 8)] |= (byte)(code(row, i) << (i * bits % 8));
            }
        }
        return bytes;
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    [InlineData(8, true)]
    public void Product_is_that_of_the_values(int bits, bool hasZeros)
    {
        int Zero(int row, int block) => hasZeros ? (row + (2 * block) + 1) & ((1 << bits) - 1) : 1 << (bits - 1);
        OnnxBuilder builder = new OnnxBuilder().Input("x", 1, 1, Columns)
            .Initializer("w", 2, [Rows, BlocksPerRow, Block * bits / 8], Packed(Rows, Block * BlocksPerRow, bits, (r, c) => Code(r, c, bits)))
            .Floats("s", [Rows * BlocksPerRow], [.. Enumerable.Range(0, Rows * BlocksPerRow).Select(i => Scale(i / BlocksPerRow, i % BlocksPerRow))]);
        byte[] zeros = Packed(Rows, BlocksPerRow, bits, Zero);
        builder.Initializer("z", 2, [Rows, zeros.Length / Rows], zeros)
            .Node(Microsoft, "MatMulNBits", hasZeros ? "x w s z" : "x w s", "y", Int("K", Columns), Int("N", Rows), Int("bits", bits), Int("block_size", Block));
        float[] x = [.. Enumerable.Range(0, Columns).Select(i => (float)(i - 10))];
        double[] actual = Run(builder, Tensor.From<float>(ElementType.F32, [1, Columns], x));
        for (int row = 0; row < Rows; row++)
        {
            double expected = x.Select((v, c) => v * (Code(row, c, bits) - Zero(row, c / Block)) * Scale(row, c / Block)).Sum();
            Assert.Equal(expected, actual[row], 1e-2);
        }
    }

    [Fact]
    public void Rows_of_a_table_are_gathered()
    {
        OnnxBuilder builder = new OnnxBuilder().Input("x", 7, 1)
            .Initializer("w", 2, [Rows, Block], Packed(Rows, Block * BlocksPerRow, 4, (r, c) => Code(r, c, 4)))
            .Floats("s", [Rows, BlocksPerRow], [.. Enumerable.Range(0, Rows * BlocksPerRow).Select(i => Scale(i / BlocksPerRow, i % BlocksPerRow))])
            .Node(Microsoft, "GatherBlockQuantized", "w x s", "y", Int("block_size", Block));
        double[] actual = Run(builder, Tensor.From<long>(ElementType.I64, [1], [2]));
        Assert.Equal([.. Enumerable.Range(0, Block * BlocksPerRow).Select(c => (double)((Code(2, c, 4) - 8) * Scale(2, c / Block)))], actual);
    }

    /// <summary>Codes of 4-bit element types, signed ones with 0 in the middle, in blocks that the last column does not fill.</summary>
    [Theory]
    [InlineData(22)]
    [InlineData(21)]
    public void Rows_of_elements_narrower_than_a_byte_are_gathered(int type)
    {
        OnnxBuilder builder = new OnnxBuilder(21).Input("x", 7, 1)
            .Initializer("w", type, [Rows, Columns], Packed(1, Rows * Columns, 4, (_, i) => Code(i / Columns, i % Columns, 4)))
            .Floats("s", [Rows, BlocksPerRow], [.. Enumerable.Range(0, Rows * BlocksPerRow).Select(i => Scale(i / BlocksPerRow, i % BlocksPerRow))])
            .Node(Microsoft, "GatherBlockQuantized", "w x s", "y", Int("block_size", Block));
        double[] actual = Run(builder, Tensor.From<long>(ElementType.I64, [1], [1]));
        Assert.Equal([.. Enumerable.Range(0, Columns).Select(c => (double)((type == 22 ? (sbyte)(Code(1, c, 4) << 4) >> 4 : Code(1, c, 4)) * Scale(1, c / Block)))], actual);
    }

    [Fact]
    public void Weights_that_do_not_fit_their_blocks_are_refused()
    {
        Diagnostic error = Assert.Single(new OnnxBuilder().Input("x", 1, 1, 16).Initializer("w", 2, [1, 1, 8], new byte[8]).Floats("s", [1], 1)
            .Node(Microsoft, "MatMulNBits", "x w s", "y", Int("K", 1L << 40), Int("N", 1L << 40), Int("block_size", 16)).Output("y").ImportErrors());
        Assert.Equal(ImportCodes.BadNode, error.Code);
    }
}
