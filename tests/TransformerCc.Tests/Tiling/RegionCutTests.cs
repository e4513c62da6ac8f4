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
        IReadOnlyDictionary<string, long>[] sizes = [.. new[] { size, "batch=1 length=3 n=3" }.Select(s => s.Split(' ').Select(d => d.Split('=')).Where(d => graph.Dimensions.ContainsKey(d[0])).ToDictionary(d => d[0], d => long.Parse(d[1], System.Globalization.CultureInfo.InvariantCulture)))];
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
}
