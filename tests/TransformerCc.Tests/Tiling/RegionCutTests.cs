using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Loader;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tiling;

/// <summary>Tiles, blocks of columns and parts of tiles in every order that the search weighs: the same bits, and no race.</summary>
public sealed class RegionCutTests
{
    /// <summary>A residual that no tile holds, and the place of the best element of each row.</summary>
    private const string Head = """
        dim n in 1..2048
        input %x : f32[n, 64]
        input %r : f32[n, 320]
        const %up : f32[64, 320] = #up
        const %head : f32[64, 700] = #head
        %h : f32[n, 320] = linear(%x, %up, %r) {residual}
        %l : f32[n, 700] = linear(%x, %head)
        %best : i64[n] = reduce(%l) {function = arg_max, axes = [1]}
        %y : f32[n, 320] = linear(%x, %up) {activation = tanh}
        output "h" = %h
        output "l" = %l
        output "best" = %best
        output "y" = %y
        """;

    /// <summary>The cuts that are weighed for any item, by name.</summary>
    internal static IReadOnlyCollection<string> Cuts(Graph graph, ChipDescription chip, Precision precision)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        Tiler.Lower(graph, chip, precision, cuts: cut =>
        {
            names.Add(cut);
            return false;
        });
        return names;
    }

    [Theory]
    [InlineData("gated_ffn", "tx1-edge", "batch=3 length=200")]
    [InlineData("gated_ffn", "tiny", "batch=2 length=101")]
    [InlineData("projections", "tx1-edge", "n=700")]
    [InlineData("projections", "tiny", "n=300")]
    [InlineData("head", "tx1-edge", "n=600")]
    [InlineData("head", "tiny", "n=200")]
    public void Bits_do_not_depend_on_the_order_of_loops(string name, string chip, string size)
    {
        ChipDescription description = TestChips.Of(chip);
        Graph graph = name == "head" ? GraphTexts.Parse(Head) : SmallGraphs.Named(name).Parse();
        IReadOnlyDictionary<string, long>[] sizes = [.. new[] { size, "batch=1 length=3 n=3" }.Select(s => s.Split(' ').Select(d => d.Split('=')).Where(d => graph.Dimensions.ContainsKey(d[0])).ToDictionary(d => d[0], d => long.Parse(d[1], CultureInfo.InvariantCulture)))];
        var expected = new IReadOnlyDictionary<string, Tensor>?[sizes.Length];
        var tried = new List<string>();
        // Of cuts that differ in nothing but rows one is enough.
        foreach (string cut in Cuts(graph, description, Precision.BF16).Where(c => c == "128 rows" || (!c.EndsWith("rows", StringComparison.Ordinal) && c.Split(' ')[0] is "1024" or "512" or "256" or "128" or "16")))
        {
            CompiledGraph compiled = CompiledGraph.Of(graph, description, Precision.BF16, cuts: c => c == cut);
            if (!compiled.Tiles.Choices.Any(c => c.Cut == cut))
            {
                continue;
            }
            tried.Add(cut);
            Assert.Empty(StaticChecks.Run(compiled.Image.EntryPoints[0]));
            using LoadedProgram program = LoadedProgram.Load(compiled.Image, description);
            for (int i = 0; i < sizes.Length; i++)
            {
                RunResult run = new Session(program).Run(RandomInputs.Create(graph, sizes[i], seed: 7), new RunOptions { Check = true, Set = sizes[i] });
                Assert.True(run.Findings.Count == 0, $"{cut}: {string.Join("\n", run.Findings)}");
                expected[i] ??= run.Outputs;
                Assert.All(expected[i]!, o => Assert.True(o.Value.Data.Span.SequenceEqual(run.Outputs[o.Key].Data.Span), $"{o.Key} is another with {cut}"));
            }
        }
        if (name != "gated_ffn")
        {
            Assert.Contains(tried, c => c.EndsWith("in blocks", StringComparison.Ordinal));
        }
        if (chip == "tx1-edge" && name != "head")
        {
            Assert.Contains(tried, c => c.Contains("in parts", StringComparison.Ordinal));
            Assert.Contains(tried, c => c.Contains("at once", StringComparison.Ordinal));
        }
    }

    /// <summary>A gate and its up with a linear behind them, as one region and as two.</summary>
    [Fact]
    public void Bits_do_not_depend_on_the_division_of_a_region()
    {
        SmallGraph small = SmallGraphs.Named("long_gate");
        Graph graph = small.Parse();
        (CompiledGraph divided, CompiledGraph whole) = (CompiledGraph.Of(graph, TestChips.Tiny, Precision.F32), CompiledGraph.Of(graph, TestChips.Default, Precision.F32));
        Assert.Equal([2, 1], [divided.Tiles.Choices.Count, whole.Tiles.Choices.Count]);
        using LoadedProgram a = LoadedProgram.Load(divided.Image, TestChips.Tiny), b = LoadedProgram.Load(whole.Image, TestChips.Default);
        foreach (IReadOnlyDictionary<string, long> size in small.EachSize())
        {
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(graph, size, seed: 3);
            RunResult expected = new Session(b).Run(inputs, new RunOptions { Set = size }), actual = new Session(a).Run(inputs, new RunOptions { Check = true, Set = size });
            Assert.Empty(actual.Findings);
            Assert.All(expected.Outputs, o => Assert.Equal(o.Value.Data.ToArray(), actual.Outputs[o.Key].Data.ToArray()));
        }
    }

    /// <summary>On a chip that DRAM bounds, weights are read less often than tiles of rows would; where the arrays are the bound, nothing of it is tried.</summary>
    [Theory]
    [InlineData("tx1", 2048, false)]
    [InlineData("tx1-edge", 512, true)]
    public void Order_of_loops_follows_what_bounds_the_chip(string chip, int width, bool readsWeightsOnce)
    {
        Graph graph = GraphTexts.Parse("""
            input %x : f32[4096, WIDTH]
            const %w : f32[WIDTH, WIDTH] = #w
            %y : f32[4096, WIDTH] = linear(%x, %w) {activation = tanh}
            output "y" = %y
            """.Replace("WIDTH", width.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        TilingChoice choice = Assert.Single(Tiler.Lower(graph, TestChips.Of(chip), Precision.BF16).Choices);
        Assert.All([choice.Cut, choice.ToString()], text => Assert.True(readsWeightsOnce == (text.Contains(" in parts of ", StringComparison.Ordinal) || text.Contains(" at once", StringComparison.Ordinal)), choice.ToString()));
    }
}
