using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Isa;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Caches;

/// <summary>States in the graph: text form, verifier, and that attention over caches is attention.</summary>
public class CacheGraphTests
{
    [Fact]
    public void StatesFillsAndDefaultsArePrintedAndParsed()
    {
        Graph graph = new CacheGraphs(Window: 5, SoftCap: 2).Parse();
        Assert.Equal(new CacheGraphs(Window: 5, SoftCap: 2).Text(), GraphPrinter.Print(graph));
        Assert.Equal(2, graph.States.Count);
        Assert.Equal("length", graph.DimensionDefaults["context"].ToString());
        Assert.True(Assert.Single(graph.Fills).Value.Is(0));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 0)]
    [InlineData(3, 9)]
    public void AttentionOverCachesInAnyChunksIsAttention(int window, int slots)
    {
        var graphs = new CacheGraphs(Window: window, Slots: slots);
        Graph graph = graphs.Parse();
        Dictionary<string, Tensor> all = graphs.Sequences(new Random(1), 2, 13);
        var states = new Dictionary<string, Tensor>();
        double[] expected = TensorMath.Doubles(Plain(all, window));
        long past = 0;
        foreach (long length in new long[] { 5, 1, 1, 4, 2 })
        {
            Dictionary<string, Tensor> inputs = CacheGraphs.Positions(all, past, length);
            inputs["past"] = CacheGraphs.Past(past, past);
            Tensor y = GraphEvaluator.Evaluate(graph, inputs, new Dictionary<string, long> { ["context"] = 16 }, states: states)["y"];
            double[] part = TensorMath.Doubles(CacheGraphs.Part(Tensor.From<double>(ElementType.F64, [2, 13, 4, 8], expected), 0, 2, past, length));
            Assert.All(part.Zip(TensorMath.Doubles(y)), p => Assert.Equal(p.First, p.Second, 6));
            past += length;
        }
    }

    [Theory]
    [InlineData("output \"y\" = %y", "output \"y\" = %cache.k", "readers")]
    [InlineData("output \"y\" = %y", "output \"y\" = %keys", "output as well")]
    [InlineData("state %cache.k = %keys", "", "no state")]
    [InlineData("state %cache.v = %values", "state %cache.v = %keys", "two states")]
    [InlineData("cached_attention(%q, %keys, %values, %past)", "cached_attention(%q, %cache.k, %values, %past)", "readers")]
    [InlineData("input %past : i64[batch] = 0", "input %past : i64[batch] = sideways", "undeclared")]
    public void AStateIsReadByItsAppendOnly(string old, string replacement, string reason)
    {
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphParser.Parse(new CacheGraphs().Text().Replace(old, replacement, StringComparison.Ordinal)));
        Assert.Contains(e.Diagnostics, d => d.Message.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public void AppendingPastTheEndIsRefused()
    {
        var graphs = new CacheGraphs();
        Dictionary<string, Tensor> inputs = graphs.Sequences(new Random(1), 1, 3);
        inputs["past"] = CacheGraphs.Past(2);
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => GraphEvaluator.Evaluate(graphs.Parse(), inputs, new Dictionary<string, long> { ["context"] = 4 }));
        Assert.Equal(GraphEvaluator.EvaluationFailed, e.Diagnostics[0].Code);
    }

    private static Tensor Plain(Dictionary<string, Tensor> all, int window)
    {
        long length = all["q"].Shape[1];
        var attention = new Attention(HeadLayout.BSHD, HeadLayout.BSHD, HeadLayout.BSHD, HeadLayout.BSHD, 0.5f, MaskKind.Boolean, DimExpr.Zero);
        long[] visible = [.. Enumerable.Range(0, (int)(length * length)).Select(i => window == 0 || i % length > (i / length) - window ? 1L : 0)];
        return attention.Evaluate([all["q"], all["k"], all["v"], TensorMath.FromLongs(ElementType.Bool, [length, length], visible)], new Dictionary<string, long>())[0];
    }
}
