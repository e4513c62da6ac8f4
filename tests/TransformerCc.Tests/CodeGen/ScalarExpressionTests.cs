using FsCheck.Xunit;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.CodeGen;

/// <summary>
/// The sequencer's code for an expression computes what the expression means: hoisted out of loops, remembered, evicted
/// and computed again. Each expression is the start of a one-element iota, so its value can be read from an output.
/// </summary>
public sealed class ScalarExpressionTests
{
    private static readonly DimExpr s_n = DimExpr.Symbol("n"), s_m = DimExpr.Symbol("m"), s_i = DimExpr.Symbol("i"), s_j = DimExpr.Symbol("j"), s_k = DimExpr.Symbol("k");

    [Property(MaxTest = 150, Replay = "(11,3)")]
    public void Code_computes_the_value_of_the_expression(int seed)
    {
        var random = new Random(seed);
        CheckValues([.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => RandomExpression(random, 3))], [(1, 1), (5, 3), (19, 100)]);
    }

    /// <summary>Far more values than the sequencer has registers, each needed twice.</summary>
    [Fact]
    public void Values_are_evicted_and_computed_again()
    {
        DimExpr[] values = [.. Enumerable.Range(0, 150).Select(x => (DimExpr.FloorDiv(s_n * (x + 3), 7) * s_j) + DimExpr.Min(s_i + x, s_m) - x)];
        CheckValues([.. values, .. values.Reverse()], [(19, 100)]);
    }

    /// <summary>What stands before a loop, one layer after another, leaves registers to the loop.</summary>
    [Fact]
    public void Values_around_a_loop_are_evicted_before_it() =>
        CheckValues([.. Enumerable.Range(0, 20).Select(x => DimExpr.FloorDiv(s_n * (x + 3), 7) + (s_j * s_k) - DimExpr.Min(s_i + x, s_m))], [(19, 100)], before: 150);

    [Fact]
    public void Large_and_negative_constants()
    {
        long[] constants = [0, 1, -1, int.MaxValue, int.MaxValue + 1L, int.MinValue, -(1L << 40), 1L << 40];
        CheckValues([.. constants.SelectMany(c => new[] { DimExpr.Constant(c), s_n + c, s_n * c, (s_i * c) - s_j, DimExpr.Max(c, s_i * s_n), DimExpr.FloorDiv(s_i - 7, long.Max(1, c)) })], [(3, 5)]);
    }

    private static DimExpr RandomExpression(Random random, int depth)
    {
        if (depth == 0 || random.Next(6) == 0)
        {
            DimExpr[] leaves = [s_n, s_m, s_i, s_j, s_k, random.Next(-9, 10), random.Next(-9, 10) * (1L << 20)];
            return leaves[random.Next(leaves.Length)];
        }
        DimExpr a = RandomExpression(random, depth - 1), b = RandomExpression(random, depth - 1);
        return random.Next(8) switch
        {
            0 or 1 => a + b,
            2 => a - b,
            3 => a * RandomExpression(random, 0),
            4 => DimExpr.FloorDiv(a, random.Next(1, 20)),
            5 => DimExpr.FloorDiv(a, s_m + random.Next(1, 5)),
            6 => DimExpr.Min(a, b),
            _ => DimExpr.Max(a, b),
        };
    }

    /// <summary>All expressions inside two loops, i &lt; n and j &lt; 3, with k named as i + 2n between them.</summary>
    /// <param name="before">Values that instructions between the loops need.</param>
    private static void CheckValues(DimExpr[] expressions, (long N, long M)[] sizes, int before = 0)
    {
        const int inner = 3;
        var output = new DramTensor("values", TensorKind.Output, ElementType.I64, [s_n, inner, expressions.Length]);
        var tiles = new TileProgram
        {
            Chip = TestChips.Edge,
            Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(1, 64), ["m"] = new(1, 4096) },
            Weights = new WeightStream(),
            Ring = [],
        };
        tiles.Tensors.Add(output);
        var b = new TileBuilder(tiles);
        b.Loop("i", s_n, i =>
        {
            b.Let("k", i + (s_n * 2));
            for (int x = 0; x < before; x++)
            {
                b.Iota(new VectorTile(b.Buffer("before", MemorySpace.Asp, sizeof(long)), DimExpr.Zero, DimExpr.Zero, ElementType.I64), DimExpr.One, DimExpr.One, (s_i * s_m) + (s_n * x), DimExpr.Zero, DimExpr.Zero);
            }
            b.Loop("j", inner, j =>
            {
                TileBuffer buffer = b.Buffer("row", MemorySpace.Asp, expressions.Length * sizeof(long));
                for (int e = 0; e < expressions.Length; e++)
                {
                    b.Iota(new VectorTile(buffer, e * sizeof(long), DimExpr.Zero, ElementType.I64), DimExpr.One, DimExpr.One, expressions[e], DimExpr.Zero, DimExpr.Zero);
                }
                var stride = new Extent3(DimExpr.Zero, DimExpr.Zero, sizeof(long));
                b.Store(new StridedDram(output, ((i * inner) + j) * (expressions.Length * sizeof(long)), stride), new StridedTile(buffer, DimExpr.Zero, ElementType.I64, stride), new Extent3(DimExpr.One, DimExpr.One, expressions.Length));
            });
        });
        MemoryPlan plan = MemoryPlanner.Place(tiles, tiles.Chip);
        ChannelAssignment.Run(tiles, plan);
        using LoadedProgram program = LoadedProgram.Load(CodeGenerator.Emit(tiles, plan, tiles.Chip, ChipDescriptions.Fingerprint(tiles.Chip), []), tiles.Chip);
        foreach ((long n, long m) in sizes)
        {
            ReadOnlySpan<long> values = new Session(program).Run(new Dictionary<string, Tensor>(), new RunOptions { Set = new Dictionary<string, long> { ["n"] = n, ["m"] = m } }).Outputs["values"].AsSpan<long>();
            for (long i = 0; i < n; i++)
            {
                for (long j = 0; j < inner; j++)
                {
                    var symbols = new Dictionary<string, long> { ["n"] = n, ["m"] = m, ["i"] = i, ["j"] = j, ["k"] = i + (2 * n) };
                    for (int e = 0; e < expressions.Length; e++)
                    {
                        long actual = values[(int)((((i * inner) + j) * expressions.Length) + e)], expected = expressions[e].Evaluate(symbols);
                        Assert.True(actual == expected, $"{expressions[e]} with n={n} m={m} i={i} j={j}: {actual}, expected {expected}");
                    }
                }
            }
        }
    }
}
