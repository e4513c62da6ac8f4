using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphIR;

/// <summary>Graphs written as text, for tests.</summary>
internal static class GraphTexts
{
    /// <summary>A graph of the given statements.</summary>
    public static Graph Parse(string statements) => GraphParser.Parse($"graph \"test\" {{\n{statements}\n}}");

    /// <summary>Evaluates a graph without inputs.</summary>
    public static IReadOnlyDictionary<string, Tensor> Evaluate(string statements) =>
        GraphEvaluator.Evaluate(Parse(statements), new Dictionary<string, Tensor>());

    /// <summary>A tensor as the text form prints it: type, and the elements.</summary>
    public static string Print(Tensor tensor)
    {
        var graph = new Graph("print");
        graph.Outputs.Add(new GraphOutput("t", graph.Constant(tensor, "t")));
        string line = GraphPrinter.Print(graph).Split('\n').Single(l => l.Contains("const", StringComparison.Ordinal));
        return line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..];
    }

    /// <summary>Every element of two tensors of one shape agrees within an absolute tolerance; NaN equals NaN.</summary>
    public static void AssertClose(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        double[] e = TensorMath.Doubles(expected), a = TensorMath.Doubles(actual);
        for (int i = 0; i < e.Length; i++)
        {
            Assert.True(double.IsNaN(e[i]) ? double.IsNaN(a[i]) : Math.Abs(e[i] - a[i]) <= tolerance, $"element {i}: expected {e[i]}, got {a[i]}");
        }
    }
}
