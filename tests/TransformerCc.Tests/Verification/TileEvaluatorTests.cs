using TransformerCc.Compiler;
using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.Tiling;
using TransformerCc.Verification;
using TransformerCc.Verification.Stages;
using TransformerCc.Verification.TileEvaluation;

namespace TransformerCc.Tests.Verification;

/// <summary>
/// A tile program means the same to the evaluator, before and after scheduling, as its binary does to the emulator: to the bit.
/// </summary>
public sealed class TileEvaluatorTests
{
    public static TheoryData<string, string, string> Cases()
    {
        var cases = new TheoryData<string, string, string>();
        foreach (SmallGraph graph in SmallGraphs.All)
        {
            cases.Add(graph.Name, "tx1", "F32");
            cases.Add(graph.Name, TestChips.Tiny.Name, "BF16");
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Evaluator_and_emulator_agree_to_the_bit(string name, string chipName, string precision)
    {
        SmallGraph small = SmallGraphs.Named(name);
        (Graph graph, ChipDescription chip) = (small.Parse(), TestChips.Of(chipName));
        TileProgram tiles = Tiler.Lower(graph, chip, Enum.Parse<Precision>(precision));
        // The largest sizes take most of the time, and have nothing that the others do not.
        var runs = small.EachSize().Take(2).Select(size => new Run(graph, tiles, size)).ToList();
        WeightPrefetch.Run(tiles);
        MemoryPlan plan = MemoryPlanner.Place(tiles, chip);
        ChannelAssignment.Run(tiles, plan);
        ProgramImage image = CodeGenerator.Emit(tiles, plan, chip, ChipDescriptions.Fingerprint(chip), []);
        using LoadedProgram program = LoadedProgram.Load(image, chip);
        // Bits depend on neither tiling nor what is stored: with every value as an output, the outputs are the same.
        NodeValues.OfChip(graph, g => Tiler.Lower(g, chip, Enum.Parse<Precision>(precision)), runs[0].Inputs, runs[0].Dimensions, out IReadOnlyDictionary<string, Tensor> beside);
        AssertSame(runs[0].Tiled, beside);
        foreach (Run run in runs)
        {
            IReadOnlyDictionary<string, Tensor> binary = new Session(program).Run(run.Given, new RunOptions { Set = run.Size }).Outputs;
            AssertSame(binary, run.Tiled);
            AssertSame(binary, TileEvaluator.Evaluate(tiles, run.Inputs, run.Dimensions));
        }
    }

    [Fact]
    public void What_nothing_has_written_is_not_read()
    {
        Graph graph = SmallGraphs.Named("linear").Parse();
        TileProgram tiles = Tiler.Lower(graph, TestChips.Default, Precision.F32);
        Remove(tiles.Body, s => s.Kind.Info.Mnemonic == "load");
        Diagnostic found = Assert.Single(Assert.Throws<DiagnosticException>(() => new Run(graph, tiles, new Dictionary<string, long> { ["n"] = 7 })).Diagnostics);
        Assert.Equal("TCC6030", found.Code);
        Assert.Contains("which nothing has written", found.Message, StringComparison.Ordinal);
        Assert.Contains("node h (linear)", found.Location, StringComparison.Ordinal);
    }

    [Fact]
    public void No_statement_leaves_its_buffer()
    {
        Graph graph = SmallGraphs.Named("linear").Parse();
        TileProgram tiles = Tiler.Lower(graph, TestChips.Default, Precision.F32);
        // A matrix of more rows than were planned for.
        Replace(tiles.Body, s => s.Kind.Info.Mnemonic == "mm", (n, o) => n == "m" ? new DimOperand(1_000_000) : o);
        Diagnostic found = Assert.Single(Assert.Throws<DiagnosticException>(() => new Run(graph, tiles, new Dictionary<string, long> { ["n"] = 7 })).Diagnostics);
        Assert.Equal("TCC6031", found.Code);
        Assert.Contains("outside of $", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_is_complete()
    {
        Graph graph = SmallGraphs.Named("linear").Parse();
        TileProgram tiles = Tiler.Lower(graph, TestChips.Default, Precision.F32);
        Remove(tiles.Body, s => s.Kind.Info.Mnemonic == "store");
        Assert.Equal("TCC6032", Assert.Single(Assert.Throws<DiagnosticException>(() => new Run(graph, tiles, new Dictionary<string, long> { ["n"] = 7 })).Diagnostics).Code);
    }

    private static void Remove(TileBlock block, Predicate<TileStatement> which)
    {
        block.Nodes.RemoveAll(n => n is TileStatement s && which(s));
        foreach (TileLoop loop in block.Nodes.OfType<TileLoop>())
        {
            Remove(loop.Body, which);
        }
    }

    private static void Replace(TileBlock block, Predicate<TileStatement> which, Func<string, TileOperand, TileOperand> operand)
    {
        for (int i = 0; i < block.Nodes.Count; i++)
        {
            if (block.Nodes[i] is TileStatement s && which(s))
            {
                block.Nodes[i] = new TileStatement(s.Kind, [.. s.Operands.Select(o => new NamedOperand(o.Name, operand(o.Name, o.Value)))], s.Tag);
            }
            else if (block.Nodes[i] is TileLoop loop)
            {
                Replace(loop.Body, which, operand);
            }
        }
    }

    private static void AssertSame(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach ((string name, Tensor tensor) in expected)
        {
            Assert.Equal(tensor.Shape.ToArray(), actual[name].Shape.ToArray());
            Assert.True(tensor.Data.Span.SequenceEqual(actual[name].Data.Span), name);
        }
    }

    /// <summary>Random inputs, and what the tile program makes of them as it is now.</summary>
    private sealed class Run
    {
        public Run(Graph graph, TileProgram tiles, IReadOnlyDictionary<string, long> size)
        {
            Size = size;
            Given = RandomInputs.Create(graph, size, seed: 1);
            Dimensions = DimensionBinding.Bind(graph, Given, size);
            Inputs = GraphEvaluator.Inputs(graph, Given, Dimensions);
            Tiled = TileEvaluator.Evaluate(tiles, Inputs, Dimensions);
        }

        public IReadOnlyDictionary<string, long> Size { get; }

        public IReadOnlyDictionary<string, Tensor> Given { get; }

        public IReadOnlyDictionary<string, Tensor> Inputs { get; }

        public IReadOnlyDictionary<string, long> Dimensions { get; }

        public IReadOnlyDictionary<string, Tensor> Tiled { get; }
    }
}
