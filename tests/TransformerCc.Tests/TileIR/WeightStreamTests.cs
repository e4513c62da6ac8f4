using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.TileIR;

/// <summary>The weight section: every piece once, on a line, in the order of the first request.</summary>
public sealed class WeightStreamTests
{
    private static Tensor Zeros(params long[] shape) => Tensor.From<float>(ElementType.F32, shape, new float[shape.Aggregate(1L, (a, b) => a * b)]);

    private static WeightMatrix Matrix(long depth, long columns) => WeightMatrix.Of(Zeros(depth, columns));

    [Fact]
    public void Pieces_follow_each_other_on_lines_and_are_stored_once()
    {
        var stream = new WeightStream();
        Tensor bias = Zeros(5);
        WeightMatrix w = Matrix(40, 20);
        WeightPanel first = stream.Panel(w, 0, 32, 0, 20, ElementType.BF16);
        ConstantBlob constant = stream.Constant(bias, ElementType.F32);
        WeightPanel second = stream.Panel(w, 32, 8, 0, 20, ElementType.BF16);
        Assert.Same(first, stream.Panel(w, 0, 32, 0, 20, ElementType.BF16));
        Assert.Same(constant, stream.Constant(bias, ElementType.F32));
        Assert.Equal([first, constant, second], stream.Pieces);
        Assert.Equal((0, 32 * 64, (32 * 64) + 64), (first.Offset, constant.Offset, second.Offset));
        Assert.Equal((32 * 64) + 64 + (8 * 64), stream.Length);
    }

    [Fact]
    public void Other_format_or_place_is_another_piece()
    {
        var stream = new WeightStream();
        WeightMatrix w = Matrix(32, 16);
        stream.Panel(w, 0, 32, 0, 16, ElementType.BF16);
        stream.Panel(w, 0, 32, 0, 16, ElementType.F32);
        stream.Panel(w, 0, 16, 0, 16, ElementType.F32);
        stream.Constant(w.Source, ElementType.F32);
        Assert.Equal(4, stream.Pieces.Count);
    }
}
