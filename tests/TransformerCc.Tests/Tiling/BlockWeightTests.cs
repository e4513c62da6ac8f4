using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;

namespace TransformerCc.Tests.Tiling;

/// <summary>
/// Weights of every block format through products, gathers, experts and by themselves: the program computes what the
/// decoded values give, with rows that do not fill their last block.
/// </summary>
public sealed class BlockWeightTests
{
    public static TheoryData<string> Formats => [.. BlockFormat.All.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Program_agrees_with_the_decoded_weights(string name)
    {
        Assert.True(BlockFormat.TryParse(name, out BlockFormat? format));
        // A quarter of a block is left over; GGUF has whole blocks only, ONNX does not.
        long depth = (2 * format.BlockLength) + (format.GgmlType is null ? format.BlockLength / 4 : 0);
        var random = new Random(name.Sum(c => c));
        Graph graph = Model(format, depth, random);
        CompiledAgreement.Check(graph, TestChips.Edge, Precision.F32, Sizes(1, 19), seed: 3);
    }

    /// <summary>The slots of a small ring do not hold an array's columns of long blocks: fewer are taken.</summary>
    [Fact]
    public void Long_blocks_on_a_small_ring() =>
        CompiledAgreement.Check(Model(BlockFormat.OfGgml(12)!, 256, new Random(5)), TestChips.Tiny, Precision.F32, Sizes(2), seed: 4);

    [Fact]
    public void Blocks_that_no_slot_holds_are_refused()
    {
        BlockFormat format = BlockFormat.NBits(8, 256, ElementType.F32, BlockZero.Minimum);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => CompiledGraph.Of(Model(format, 256, new Random(5)), TestChips.Tiny, Precision.F32));
        Diagnostic d = Assert.Single(e.Diagnostics);
        Assert.Equal((FailureKind.DoesNotFit, "TCC3111"), (e.Kind, d.Code));
        Assert.Matches(@"^WSP of \d+ bytes is too small by \d+ bytes: half of it is the weight ring of 4 slots, each for \d+ bytes, 64 columns of ", d.Message);
        Assert.StartsWith("linear product", d.Location, StringComparison.Ordinal);
    }

    private static IEnumerable<IReadOnlyDictionary<string, long>> Sizes(params long[] rows) => rows.Select(n => new Dictionary<string, long> { ["n"] = n });

    internal static Graph Model(BlockFormat format, long depth, Random random)
    {
        var graph = new Graph("blocks");
        graph.Dimensions["n"] = new DimInterval(1, 64);
        DimExpr n = DimExpr.Symbol("n");
        Value x = graph.AddInput("x", new TensorType(ElementType.F32, [n, depth])), scores = graph.AddInput("scores", new TensorType(ElementType.F32, [n, 3]));
        Value weights = graph.Constant(Blocks(format, [70, depth], random), "w"), experts = graph.Constant(Blocks(format, [3, 20, depth], random), "e");
        Value ids = graph.Add(new TopK(2, Largest: true), [scores], []).Outputs[1];
        Add("product", new Linear(UnaryOp.Relu, false, false, Transposed: true, format), x, weights);
        Add("rows", new Gather(0, new BlockRows(format, depth)), weights, ids);
        Add("experts", new ExpertLinear(false, format), x, ids, experts);
        Add("decoded", new DequantizeBlocks(format, depth), experts);
        return graph;

        void Add(string output, Operator op, params Value[] inputs) => graph.Outputs.Add(new GraphOutput(output, graph.Add(op, inputs, [output]).Output));
    }

    /// <summary>Random blocks whose values are finite and not far apart: a scale of random bits may be anything.</summary>
    internal static Tensor Blocks(BlockFormat format, long[] shape, Random random)
    {
        long rows = shape[..^1].Aggregate(1L, (a, b) => a * b), rowBytes = format.RowBytes(shape[^1]);
        var bytes = new byte[rows * rowBytes];
        var values = new float[format.BlockLength];
        for (int at = 0; at < bytes.Length; at += format.BlockBytes)
        {
            Span<byte> block = bytes.AsSpan(at, format.BlockBytes);
            do
            {
                random.NextBytes(block);
                format.Decode(block, values);
            }
            while (!values.All(v => float.IsFinite(v) && Math.Abs(v) < 1e4));
        }
        return new Tensor(ElementType.U8, [.. shape[..^1], rowBytes], bytes);
    }
}
