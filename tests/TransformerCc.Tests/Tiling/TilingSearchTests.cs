using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.Chips;
using TransformerCc.Runtime.Timing;
using TransformerCc.Tests.GraphIR;
using Xunit.Abstractions;

namespace TransformerCc.Tests.Tiling;

/// <summary>The cut that the estimate finds best is what the timing model finds best, or next to it.</summary>
public sealed class TilingSearchTests(ITestOutputHelper output)
{
    public const string Projections = """
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

    public static TheoryData<string, string, int> Regions()
    {
        var data = new TheoryData<string, string, int>();
        foreach (string chip in new[] { "tx1", "tx1-edge", "tx1-embedded" })
        {
            foreach (string region in new[] { Projections, FeedForward, Attention, Elementwise })
            {
                data.Add(region, chip, 512);
                data.Add(region, chip, 1500);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Regions))]
    public void Chosen_cut_is_next_to_the_best(string region, string chip, int rows)
    {
        Graph graph = GraphTexts.Parse(region.Replace("ROWS", $"{rows}", StringComparison.Ordinal));
        ChipDescription description = TestChips.Of(chip);
        TilingChoice choice = Assert.Single(CompiledGraph.Of(graph, description, Precision.BF16).Tiles.Choices);
        double Simulated(string cut) => TimingModel.Run(CompiledGraph.Of(graph, description, Precision.BF16, cuts: c => c == cut).Image, description, new Dictionary<string, long>()).Cycles;
        var cuts = choice.Others.Append((choice.Cut, choice.Cycles)).Select(c => (c.Cut, Estimated: c.Cycles, Simulated: Simulated(c.Cut))).ToArray();
        foreach (var c in cuts) output.WriteLine($"{choice.Item} {chip} {rows}: {c.Cut}{(c.Cut == choice.Cut ? "*" : "")} {c.Estimated:F0} {c.Simulated:F0} {c.Estimated / c.Simulated:F3}");
    }
}
