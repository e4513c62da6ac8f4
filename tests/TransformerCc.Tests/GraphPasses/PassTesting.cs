using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Runs passes and checks what holds for all of them: the graph stays well formed and computes the same.</summary>
internal static class PassTesting
{
    /// <summary>The graph before and after the passes, as text.</summary>
    public static string Run(Sketch sketch, params IReadOnlyList<IGraphPass> passes)
    {
        Graph graph = sketch.Graph;
        string before = GraphPrinter.Print(graph);
        Apply(graph, new PassContext(), passes);
        return $"{before}\n// after {string.Join(", ", passes.Select(p => p.Name))}\n\n{GraphPrinter.Print(graph)}";
    }

    /// <summary>Applies passes and compares the results on seeded inputs before and after.</summary>
    public static void Apply(Graph graph, PassContext context, IReadOnlyList<IGraphPass>? passes = null)
    {
        Assert.Empty(GraphVerifier.Verify(graph));
        IReadOnlyDictionary<string, Tensor> inputs = Inputs(graph);
        IReadOnlyDictionary<string, Tensor> expected = GraphEvaluator.Evaluate(graph, inputs);
        GraphPipeline.Run(graph, context, passes?.Select(p => new PipelineEntry(p, "the test")).ToList());
        Assert.Empty(context.Diagnostics);
        AssertClose(expected, GraphEvaluator.Evaluate(graph, inputs));
    }

    public static void AssertClose(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach ((string name, Tensor tensor) in expected)
        {
            Assert.Equal(tensor.Shape.ToArray(), actual[name].Shape.ToArray());
            double[] x = TensorMath.Doubles(tensor), y = TensorMath.Doubles(actual[name]);
            double largest = x.Select(Math.Abs).Where(double.IsFinite).DefaultIfEmpty(0).Max();
            for (int i = 0; i < x.Length; i++)
            {
                bool close = x[i].Equals(y[i]) || Math.Abs(x[i] - y[i]) <= tolerance * largest;
                Assert.True(close, $"{name}[{i}]: {x[i]} became {y[i]} (largest element {largest})");
            }
        }
    }

    /// <summary>Small inputs: symbols are 2, 3, 4, … in the order of their names; floats lie in [−1, 1), integers are 0 or 1.</summary>
    public static IReadOnlyDictionary<string, Tensor> Inputs(Graph graph)
    {
        var sizes = new Dictionary<string, long>();
        foreach ((string name, var interval) in graph.Dimensions)
        {
            sizes[name] = long.Clamp(2 + sizes.Count, interval.Lower, interval.Upper);
        }
        var random = new Random(7);
        var inputs = new Dictionary<string, Tensor>();
        foreach (Value input in graph.Inputs)
        {
            long[] shape = [.. input.Type.Shape.Select(d => d.Evaluate(sizes))];
            var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = input.Type.Element.IsFloat() ? (random.NextDouble() * 2) - 1 : random.Next(2);
            }
            inputs[input.Name] = TensorMath.FromDoubles(input.Type.Element, shape, values);
        }
        return inputs;
    }
}
