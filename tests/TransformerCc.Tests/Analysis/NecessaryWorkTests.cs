using TransformerCc.Compiler;
using TransformerCc.Compiler.Analysis;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Tests.Caches;

namespace TransformerCc.Tests.Analysis;

/// <summary>The work of a roofline, counted by hand or one by one.</summary>
public sealed class NecessaryWorkTests
{
    private static Dictionary<string, NodeWork> Of(Graph graph, Precision precision = Precision.BF16) => NecessaryWork.Of(graph, precision).ToDictionary(w => w.Node);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 0)]
    [InlineData(16, 128)]
    public void Attention_over_caches_counts_the_pairs_that_see_each_other(int window, int slots)
    {
        var graphs = new CacheGraphs(Window: window, Slots: slots, Format: "bf16");
        Dictionary<string, NodeWork> work = Of(graphs.Parse());
        foreach ((long past, long length) in new[] { (0L, 1L), (0, 7), (3, 1), (4, 3), (20, 9), (100, 1) })
        {
            long pairs = 0, seen = 0;
            for (long key = 0; key < past + length; key++)
            {
                long queries = Enumerable.Range(0, (int)length).Count(q => key <= past + q && (window == 0 || key > past + q - window));
                pairs += queries;
                seen += key < past && queries > 0 ? 1 : 0;
            }
            Dictionary<string, long> values = new() { ["batch"] = 3, ["length"] = length, ["context"] = 512, ["past"] = past };
            Assert.Equal(3 * graphs.Heads * pairs * (graphs.Width + graphs.ValueWidth), work["y"].MultiplyAdds.Evaluate(values));
            // The visible past of keys and values, the queries, and the result; new rows are written where they are appended.
            Assert.Equal((3 * graphs.KeyHeads * seen * (graphs.Width + graphs.ValueWidth) * 2) + (3 * length * graphs.Heads * (graphs.Width + graphs.ValueWidth) * 4), work["y"].Bytes.Evaluate(values));
            Assert.Equal(3 * length * graphs.KeyHeads * graphs.Width * (2 + 4), work["keys"].Bytes.Evaluate(values) - (3 * 8));
        }
    }

    [Fact]
    public void Weights_are_read_once_as_they_are_stored_and_of_tables_the_rows()
    {
        Graph graph = GraphParser.Parse("""
            graph "small" {
              dim n in 1..100
              input %ids : i64[n]
              const %table : f32[50, 64] = 0.5
              const %w : f32[64, 64] = 0.25
              const %bias : f32[64] = 0.125
              %x : f32[n, 64] = gather(%table, %ids) {axis = 0}
              %a : f32[n, 64] = linear(%x, %w, %bias) {bias}
              %b : f32[n, 64] = linear(%a, %w)
              output "b" = %b
            }
            """);
        Dictionary<string, NodeWork> work = Of(graph), precise = Of(graph, Precision.F32);
        Dictionary<string, long> values = new() { ["n"] = 10 };
        Assert.Equal((10 * 64 * 4) + (10 * 8), work["x"].Bytes.Evaluate(values));
        Assert.Equal((50 * 64 * 4) + (80 * 8), work["x"].Bytes.Evaluate(new Dictionary<string, long> { ["n"] = 80 }));
        Assert.Equal((64 * 64 * 2) + (64 * 4), work["a"].Bytes.Evaluate(values));
        Assert.Equal((64 * 64 * 4) + (64 * 4), precise["a"].Bytes.Evaluate(values));
        Assert.Equal(10 * 64 * 4, work["b"].Bytes.Evaluate(values));
        Assert.Equal(10 * 64 * 64, work["b"].MultiplyAdds.Evaluate(values));
        Assert.Equal((MacClass.BF16, MacClass.F32), (work["a"].Class, precise["a"].Class));
    }

    [Fact]
    public void Experts_are_those_that_can_be_chosen()
    {
        Graph graph = GraphParser.Parse("""
            graph "experts" {
              dim n in 1..100
              input %x : f32[n, 32]
              input %ids : i64[n, 2]
              const %w : f32[8, 16, 32] = 0.25
              %y : f32[n, 2, 16] = expert_linear(%x, %ids, %w)
              output "y" = %y
            }
            """);
        NodeWork work = Of(graph)["y"];
        foreach ((long tokens, long chosen) in new[] { (1L, 2L), (3, 6), (4, 8), (32, 8) })
        {
            Dictionary<string, long> values = new() { ["n"] = tokens };
            Assert.Equal(tokens * 2 * 16 * 32, work.MultiplyAdds.Evaluate(values));
            Assert.Equal((chosen * 16 * 32 * 2) + (tokens * ((32 * 4) + (2 * 8) + (2 * 16 * 4))), work.Bytes.Evaluate(values));
        }
    }
}
