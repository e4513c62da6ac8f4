using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.CodeGen;

/// <summary>Panels hold, byte for byte, what their layout says, from whatever the model's tensor is.</summary>
public sealed class PanelWriterTests
{
    private static Tensor Random(ElementType type, params long[] shape)
    {
        var random = new Random(7);
        double[] values = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (random.NextDouble() * 8) - 4)];
        return TensorMath.FromDoubles(type, shape, values);
    }

    private static double[] Row(byte[] panel, long stride, long row, ElementType type, long columns) =>
        TensorMath.Doubles(new Tensor(type, [columns], panel.AsMemory((int)(row * stride), (int)columns * type.Size())));

    [Theory]
    [InlineData(ElementType.F32, ElementType.F32, true)]
    [InlineData(ElementType.F32, ElementType.BF16, true)]
    [InlineData(ElementType.F16, ElementType.F32, true)]
    [InlineData(ElementType.BF16, ElementType.BF16, true)]
    [InlineData(ElementType.F8E4M3, ElementType.F8E4M3, true)]
    [InlineData(ElementType.F64, ElementType.F64, true)]
    [InlineData(ElementType.F16, ElementType.BF16, false)]
    public void Plain_weights_are_transposed_and_converted(ElementType from, ElementType to, bool transposed)
    {
        // Two experts of 83 x 75; the panel is inside the second, and no side of it is a whole number of tiles.
        const int depth = 83, columns = 75, k0 = 32, rows = 45, n0 = 5, width = 67;
        Tensor source = Random(from, 2, transposed ? columns : depth, transposed ? depth : columns);
        var matrix = new WeightMatrix(source, depth, columns, transposed ? WeightLayout.NByK : WeightLayout.KByN, FirstRow: transposed ? columns : depth);
        var panel = new WeightPanel(matrix, k0, rows, n0, width, to);
        byte[] bytes = [.. Enumerable.Repeat((byte)0xAA, (int)panel.Bytes)];
        PanelWriter.Write(panel, bytes);
        double[] values = TensorMath.Doubles(source);
        for (int k = 0; k < rows; k++)
        {
            double[] expected = [.. Enumerable.Range(n0, width).Select(n => values[(depth * columns) + (transposed ? (n * depth) + k0 + k : ((k0 + k) * columns) + n)])];
            Assert.Equal(TensorMath.Doubles(TensorMath.FromDoubles(to, [width], expected)), Row(bytes, panel.RowStride, k, to, width));
            Assert.All(bytes.AsSpan((int)(k * panel.RowStride) + (width * to.Size()), (int)panel.RowStride - (width * to.Size())).ToArray(), b => Assert.Equal(0, b));
        }
    }

    [Theory]
    [InlineData("q4_k")]
    [InlineData("iq2_xxs")]
    [InlineData("q8_0")]
    public void Blocks_lie_along_the_columns(string name)
    {
        Assert.True(BlockFormat.TryParse(name, out BlockFormat? format));
        BlockFormat stored = format.PanelFormat;
        int length = format.BlockLength, rowBytes = (int)format.RowBytes(3 * length);
        Tensor source = Tiling.BlockWeightTests.Blocks(format, [40, 3 * length], new Random(3));
        var matrix = new WeightMatrix(source, 3 * length, 40, WeightLayout.NByK, format);
        var panel = new WeightPanel(matrix, length, 2 * length, 3, 33, stored);
        var bytes = new byte[panel.Bytes];
        PanelWriter.Write(panel, bytes);
        Assert.Equal(2L * stored.BlockBytes * 64, panel.Bytes);
        for (int n = 0; n < 33; n++)
        {
            var blocks = new byte[2 * stored.BlockBytes];
            format.Repack(source.Data.Span.Slice(((n + 3) * rowBytes) + format.BlockBytes, 2 * format.BlockBytes), blocks);
            Assert.Equal((byte[])blocks, (byte[])[.. Enumerable.Range(0, blocks.Length).Select(j => bytes[(j * 64) + n])]);
        }
    }
}
