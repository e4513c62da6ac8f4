using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>What the pipeline promises about its passes.</summary>
public class GraphPipelineTests
{
    [Fact]
    public void ABrokenGraphNamesThePass()
    {
        Graph graph = Sample();
        var error = Assert.Throws<DiagnosticException>(() => GraphPipeline.Run(graph, null, [new PipelineEntry(new Breaker(), "to fail")]));
        Assert.Contains("breaker", error.Diagnostics[0].Message, StringComparison.Ordinal);
        Assert.True(error.Diagnostics.Count > 1, "the verifier's findings are missing");
    }

    [Fact]
    public void EveryPassIsShownByName()
    {
        var names = new List<string>();
        GraphPipeline.Run(Sample(), new PassContext { AfterPass = (name, _) => names.Add(name) });
        foreach (PipelineEntry entry in GraphPipeline.Default)
        {
            Assert.Contains(entry.Pass.Name, names);
            Assert.NotEqual("", entry.WhyHere);
        }
    }

    [Fact]
    public void RunsAreTheSame()
    {
        Graph first = GraphPipeline.Run(Sample()), second = GraphPipeline.Run(Sample());
        Assert.Equal(GraphPrinter.Print(first), GraphPrinter.Print(second));
    }

    [Fact]
    public void AFoldedConstantWithoutAValueIsADiagnostic()
    {
        var s = new Sketch();
        Value table = s.Weights("table", 4, 2), index = s.Graph.Constant(TensorMath.FromLongs(ElementType.I64, [2], [0, 9]));
        s.Output(s.Gather(0, table, index));
        var error = Assert.Throws<DiagnosticException>(() => GraphPipeline.Run(s.Graph));
        Assert.Equal("TCC2103", error.Diagnostics[0].Code);
    }

    /// <summary>The example of the passes' README: every line of it stands in the graphs before and after.</summary>
    [Fact]
    public void TheExampleOfTheReadme()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Sketch.Dim("batch"), Sketch.Dim("seq"), 8), d = s.Sub(x, s.Mean(x));
        Value y = s.Div(d, s.Unary(UnaryOp.Sqrt, s.Add(s.Mean(s.Pow(d, 2)), 1e-5)));
        Value norm = s.Add(s.Mul(y, s.Weights("scale", 8)), s.Weights("shift", 8));
        s.Output(s.Add(x, s.Add(s.MatMul(norm, s.Weights("w", 8, 8)), s.Weights("bias", 8))));
        string text = PassTesting.Run(s, [.. GraphPipeline.Default.Select(e => e.Pass)]);
        Snapshot.Match(text);
        string readme = File.ReadAllText(Path.Combine(TestData.Repository, "compiler", "TransformerCc.Compiler", "GraphPasses", "README.md"));
        foreach (string line in readme.Split('\n').Where(l => l.StartsWith("  %", StringComparison.Ordinal)))
        {
            Assert.Contains(line, text, StringComparison.Ordinal);
        }
    }

    private static Graph Sample()
    {
        var s = new Sketch("seq");
        Value x = s.Input("x", Sketch.Dim("seq"), 8);
        Value y = s.Mul(x, s.Unary(UnaryOp.Rsqrt, s.Add(s.Mean(s.Pow(x, 2)), 1e-5)));
        s.Output(s.Add(x, s.MatMul(s.Mul(y, s.Unary(UnaryOp.Sigmoid, y)), s.Weights("w", 8, 8))));
        return s.Graph;
    }

    /// <summary>Leaves a use of a value that nothing computes.</summary>
    private sealed class Breaker : IGraphPass
    {
        public string Name => "breaker";

        public void Run(Graph graph, PassContext context) => graph.Nodes.RemoveAt(0);
    }
}
