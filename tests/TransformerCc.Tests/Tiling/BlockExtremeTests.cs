using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tiling;

/// <summary>
/// The place of each row's largest or smallest element, found block by block while a linear computes them. Weights and
/// operands are small integers: sums are exact, and many elements of a row are equal, in one block and across blocks.
/// </summary>
public sealed class BlockExtremeTests
{
    private const int Depth = 32;

    /// <summary>One element, a prime number in one block, one whole block, a prime number in three, whole blocks, and so many that they are a loop.</summary>
    [Theory]
    [InlineData("tiny", 1, "F32", 1)]
    [InlineData("tiny", 127, "BF16", 1)]
    [InlineData("tiny", 128, "F32", 1)]
    [InlineData("tiny", 257, "F32", 3)]
    [InlineData("tiny", 512, "BF16", 4)]
    [InlineData("tiny", 12700, "F32", 100)]
    [InlineData("tx1", 512, "BF16", 1)]
    [InlineData("tx1", 1031, "BF16", 3)]
    [InlineData("tx1-edge", 641, "F32", 6)]
    public void Program_agrees_with_the_reference(string chip, int columns, string precision, int blocks)
    {
        foreach (ReduceOp function in (ReduceOp[])[ReduceOp.ArgMax, ReduceOp.ArgMin])
        {
            Graph graph = Model(columns, function, bias: null, hasNumbers: function == ReduceOp.ArgMax);
            string tiles = TilePrinter.Print(Tiler.Lower(graph, TestChips.Of(chip), Enum.Parse<Precision>(precision)));
            Assert.Equal(blocks > 1, tiles.Contains("vtopk", StringComparison.Ordinal));
            CompiledAgreement.Check(graph, TestChips.Of(chip), Enum.Parse<Precision>(precision), Sizes(1, 3, 37), seed: 5);
        }
    }

    /// <summary>Rows of minus infinity but for some elements, which may be no numbers: the first of those wins.</summary>
    [Theory]
    [InlineData("", 0)]
    [InlineData("0 400", 400)]
    [InlineData("0 0, 9999 511", 511)]
    [InlineData("NaN 300, NaN 130, 9999 0", 130)]
    [InlineData("0 7, NaN 511", 511)]
    public void Infinities_and_what_is_no_number(string elements, long expected)
    {
        float[] bias = [.. Enumerable.Repeat(float.NegativeInfinity, 512)];
        foreach (string[] element in elements.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(e => e.Split(' ')))
        {
            bias[int.Parse(element[1], CultureInfo.InvariantCulture)] = float.Parse(element[0], CultureInfo.InvariantCulture);
        }
        Graph graph = Model(512, ReduceOp.ArgMax, bias, hasNumbers: false);
        IReadOnlyDictionary<string, long> size = Sizes(2).Single();
        Assert.Equal([expected, expected], GraphEvaluator.Evaluate(graph, RandomInputs.Create(graph, size, 5), size)["place"].AsSpan<long>().ToArray());
        CompiledAgreement.Check(graph, TestChips.Tiny, Precision.F32, Sizes(2, 20), seed: 5);
    }

    [Fact]
    public void Tiles_of_three_blocks() => Snapshot.Match(TilePrinter.Print(Tiler.Lower(Model(300, ReduceOp.ArgMax, bias: null, hasNumbers: true), TestChips.Edge, Precision.BF16)));

    private static IEnumerable<IReadOnlyDictionary<string, long>> Sizes(params long[] rows) => rows.Select(n => new Dictionary<string, long> { ["n"] = n });

    /// <param name="hasNumbers">Whether what the linear computes is an output too.</param>
    private static Graph Model(int columns, ReduceOp function, float[]? bias, bool hasNumbers)
    {
        var graph = new Graph("extremes");
        graph.Dimensions["n"] = new DimInterval(1, 64);
        Value x = graph.AddInput("x", new TensorType(ElementType.F32, [DimExpr.Symbol("n"), Depth]));
        Value scaled = Add(new Unary(UnaryOp.Scale, 3), x), operand = Add(new Unary(UnaryOp.Round), scaled);
        var random = new Random(columns);
        Value weights = graph.Constant(Tensor.From<float>(ElementType.F32, [Depth, columns], [.. Enumerable.Range(0, Depth * columns).Select(_ => (float)random.Next(-2, 3))]), "w");
        var linear = new Linear(null, bias is not null, HasResidual: false);
        Value numbers = bias is null ? Add(linear, operand, weights) : Add(linear, operand, weights, graph.Constant(Tensor.From<float>(ElementType.F32, [columns], bias), "b"));
        if (hasNumbers)
        {
            graph.Outputs.Add(new GraphOutput("numbers", numbers));
        }
        graph.Outputs.Add(new GraphOutput("place", Add(new Reduce(function, [1], KeepDims: false), numbers)));
        return graph;

        Value Add(Operator op, params Value[] inputs) => graph.Add(op, inputs, ["/head"]).Output;
    }
}
