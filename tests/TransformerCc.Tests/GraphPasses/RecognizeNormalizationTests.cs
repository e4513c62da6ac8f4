using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Every spelling of a norm ends as the same operator.</summary>
public class RecognizeNormalizationTests
{
    private static readonly IGraphPass[] Passes = [new FixedPoint("simplify", new SimplifyAlgebra(), new MergeDuplicates(), new RemoveDeadNodes()), new RecognizeNormalization()];

    [Fact]
    public void LayerNormOfPyTorch()
    {
        (Sketch s, Value x) = Start();
        Value d = s.Sub(x, s.Mean(x));
        Value y = s.Div(d, s.Unary(UnaryOp.Sqrt, s.Add(s.Mean(s.Pow(d, 2)), 1e-5)));
        s.Output(s.Add(s.Mul(y, s.Weights("scale", 8)), s.Weights("shift", 8)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    [Fact]
    public void LayerNormOfTensorFlow()
    {
        (Sketch s, Value x) = Start();
        Value mean = s.Mean(x), d = s.Sub(x, mean);
        Value g = s.Mul(s.Unary(UnaryOp.Reciprocal, s.Unary(UnaryOp.Sqrt, s.Add(s.Mean(s.Mul(d, d)), 1e-6))), s.Weights("scale", 8));
        s.Output(s.Add(s.Mul(x, g), s.Sub(s.Weights("shift", 8), s.Mul(mean, g))));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    [Fact]
    public void RmsNormInEveryGrouping()
    {
        (Sketch s, Value x) = Start();
        Value scale = s.Weights("scale", 8);
        Value root = s.Unary(UnaryOp.Sqrt, s.Add(s.Mean(s.Pow(x, 2)), 1e-5));
        s.Output(
            s.Mul(s.Mul(x, s.Div(s.Number(1), root)), scale),
            s.Mul(scale, s.Div(x, root)),
            s.Mul(s.Mul(x, scale), s.Unary(UnaryOp.Reciprocal, root)),
            s.Div(s.Mul(x, s.Mul(scale, 2)), root),
            s.Mul(x, s.Pow(s.Add(s.Mean(s.Mul(x, x)), 1e-6), -0.5)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    [Fact]
    public void RmsNormInHalfPrecisionComputesInSingle()
    {
        var s = new Sketch("seq");
        Value half = s.Cast(ElementType.F16, s.Input("x", Sketch.Dim("seq"), 8)), x = s.Cast(ElementType.F32, half);
        Value y = s.Mul(x, s.Unary(UnaryOp.Rsqrt, s.Add(s.Mean(s.Mul(x, x)), 1e-5)));
        Value scale = s.Cast(ElementType.F16, s.Weights("scale", 8));
        s.Output(s.Cast(ElementType.F32, s.Mul(s.Cast(ElementType.F16, y), scale)));
        IGraphPass[] passes = [new FoldConstants(), .. Passes];
        // The product with the scale is rounded once instead of twice.
        GraphPipeline.Run(s.Graph, new PassContext(), passes.Select(p => new PipelineEntry(p, "the test")).ToList());
        Snapshot.Match(GraphPrinter.Print(s.Graph));
    }

    [Fact]
    public void OtherRootsStay()
    {
        (Sketch s, Value x) = Start();
        // An L2 norm over the last dimension, and a root of the mean of squares of something else.
        Value y = s.Unary(UnaryOp.Tanh, x);
        s.Output(
            s.Mul(x, s.Unary(UnaryOp.Rsqrt, s.Add(s.Mean(s.Mul(y, y)), 1e-5))),
            s.Mul(x, s.Unary(UnaryOp.Rsqrt, s.Add(s.Node(new Reduce(ReduceOp.Sum, [2], true), s.Mul(x, x)), 1e-5))));
        PassTesting.Run(s, Passes);
        Assert.Equal(0, GraphSummary.Count(s.Graph).RmsNorm);
    }

    private static (Sketch, Value) Start()
    {
        var s = new Sketch("batch", "seq");
        return (s, s.Input("x", Sketch.Dim("batch"), Sketch.Dim("seq"), 8));
    }
}
