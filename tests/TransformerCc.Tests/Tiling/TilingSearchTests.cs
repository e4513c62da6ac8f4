using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Loader;
using TransformerCc.Runtime.Timing;
using TransformerCc.Tests.GraphIR;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Tiling;

/// <summary>The cut that the estimate finds best is what the timing model finds best, or next to it.</summary>
public sealed class TilingSearchTests
{
    private const string Projections = """
        input %x : f32[ROWS, 768]
        const %s : f32[768] = #s
        const %q : f32[768, 768] = #q
        const %k : f32[768, 768] = #k
        const %v : f32[768, 768] = #v
        %n : f32[ROWS, 768] = norm(%x, %s) {kind = rms, epsilon = 1E-05}
        %a : f32[ROWS, 768] = linear(%n, %q)
        %b : f32[ROWS, 768] = linear(%n, %k)
        %c : f32[ROWS, 768] = linear(%n, %v)
        output "a" = %a
        output "b" = %b
        output "c" = %c
        """;

    private const string FeedForward = """
        input %x : f32[ROWS, 512]
        const %s : f32[512] = #s
        const %g : f32[512, 1536] = #g
        const %u : f32[512, 1536] = #u
        const %d : f32[1536, 512] = #d
        %n : f32[ROWS, 512] = norm(%x, %s) {kind = rms, epsilon = 1E-05}
        %a : f32[ROWS, 1536] = linear(%n, %g)
        %b : f32[ROWS, 1536] = linear(%n, %u)
        %h : f32[ROWS, 1536] = gated(%a, %b) {activation = silu}
        %y : f32[ROWS, 512] = linear(%h, %d, %x) {residual}
        output "y" = %y
        """;

    private const string Attention = """
        input %q : f32[1, ROWS, 8, 64]
        input %k : f32[1, ROWS, 8, 64]
        input %v : f32[1, ROWS, 8, 64]
        %a : f32[1, ROWS, 8, 64] = attention(%q, %k, %v) {query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.125, mask = none}
        output "a" = %a
        """;

    private const string Elementwise = """
        input %x : f32[ROWS, 1024]
        input %z : f32[ROWS, 1024]
        %y : f32[ROWS, 1024] = binary(%x, %z) {function = mul}
        output "y" = %y
        """;

    public static TheoryData<string, string, string, int> Regions()
    {
        var data = new TheoryData<string, string, string, int>();
        foreach ((string name, string region) in new[] { ("projections", Projections), ("feed forward", FeedForward), ("attention", Attention), ("elementwise", Elementwise) })
        {
            data.Add(name, region, "tx1", 1500);
            data.Add(name, region, "tx1-edge", 512);
            data.Add(name, region, "tx1-embedded", 700);
        }
        return data;
    }

    /// <summary>
    /// Every cut is compiled and simulated: the chosen one is within 7 % of the best, and where the estimate sees a
    /// clear difference between two, the simulation sees the same winner.
    /// </summary>
    [Theory]
    [MemberData(nameof(Regions))]
    public void Estimate_ranks_cuts_as_the_timing_model_does(string name, string region, string chip, int rows)
    {
        Graph graph = GraphTexts.Parse(region.Replace("ROWS", rows.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        ChipDescription description = TestChips.Of(chip);
        TilingChoice chosen = Assert.Single(CompiledGraph.Of(graph, description, Precision.BF16).Tiles.Choices);
        var cuts = new List<(string Cut, double Estimated, double Simulated)>();
        foreach (string cut in RegionCutTests.Cuts(graph, description, Precision.BF16).Where(c => !c.Contains("rows", StringComparison.Ordinal) || int.Parse(c.Split(' ')[0], CultureInfo.InvariantCulture) >= 64))
        {
            CompiledGraph forced = CompiledGraph.Of(graph, description, Precision.BF16, cuts: c => c == cut);
            if (forced.Tiles.Choices is [var only] && only.Cut == cut)
            {
                cuts.Add((cut, only.Cycles, TimingModel.Run(forced.Image, description, new Dictionary<string, long>()).Cycles));
            }
        }
        Assert.True(cuts.Count >= 3, $"{name}: {cuts.Count} cuts fit");
        (string Cut, double Estimated, double Simulated) taken = cuts.Single(c => c.Cut == chosen.Cut), best = cuts.MinBy(c => c.Simulated);
        Assert.True(taken.Simulated <= 1.07 * best.Simulated, $"{name}: {taken} is slower than {best}");
        foreach (var a in cuts)
        {
            // The estimate begins with a full ring of weights; a run of one region alone has to fill it.
            Assert.InRange(a.Estimated / a.Simulated, 0.6, 1.05);
            Assert.All(cuts.Where(b => a.Estimated < 0.85 * b.Estimated), b => Assert.True(a.Simulated < b.Simulated, $"{name}: {a} is not faster than {b}"));
        }
    }

    [Theory]
    [InlineData("block")]
    [InlineData("linear")]
    [InlineData("projections")]
    [InlineData("causal")]
    public void Bits_do_not_depend_on_the_cut(string name)
    {
        SmallGraph small = SmallGraphs.Named(name);
        Graph graph = small.Parse();
        CompiledGraph best = CompiledGraph.Of(graph, TestChips.Edge, Precision.BF16), small64 = CompiledGraph.Of(graph, TestChips.Edge, Precision.BF16, cuts: c => c is "64 rows" or "16 rows" or "tile / 8");
        Assert.NotEqual(best.Tiles.Choices.Select(c => c.Cut), small64.Tiles.Choices.Select(c => c.Cut));
        using LoadedProgram a = LoadedProgram.Load(best.Image, TestChips.Edge), b = LoadedProgram.Load(small64.Image, TestChips.Edge);
        foreach (IReadOnlyDictionary<string, long> size in small.EachSize())
        {
            IReadOnlyDictionary<string, Tensor> inputs = RandomInputs.Create(graph, size, seed: 3);
            RunResult expected = new Session(a).Run(inputs, new RunOptions { Set = size }), actual = new Session(b).Run(inputs, new RunOptions { Set = size });
            Assert.All(expected.Outputs, o => Assert.Equal(o.Value.Data.ToArray(), actual.Outputs[o.Key].Data.ToArray()));
        }
    }

    /// <summary>What was chosen, what it was weighed against, and what the estimates were.</summary>
    [Fact]
    public void Choices_are_printed_with_their_estimates()
    {
        Graph graph = GraphTexts.Parse(FeedForward.Replace("ROWS", "1500", StringComparison.Ordinal));
        TilingChoice choice = Assert.Single(Tiler.Lower(graph, TestChips.Default, Precision.BF16).Choices);
        Assert.Matches(@"^n: \d+ rows( ahead)?, [\d,]+ cycles(; \d+ rows( ahead)? [\d,]+){2,}$", choice.ToString());
        Assert.All(choice.Others, o => Assert.True(o.Cycles > 0.98 * choice.Cycles));
    }
}
