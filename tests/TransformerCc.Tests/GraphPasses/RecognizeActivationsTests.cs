using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Every grouping of the factors of GELU and SiLU; what is only similar stays.</summary>
public class RecognizeActivationsTests
{
    [Fact]
    public void GeluWithErf()
    {
        (Sketch s, Value x) = Start();
        Value weight = s.Add(s.Unary(UnaryOp.Erf, s.Div(x, s.Number(1.4142135381698608))), 1);
        s.Output(
            s.Mul(s.Mul(x, weight), 0.5),
            s.Mul(s.Mul(x, 0.5), weight),
            s.Mul(s.Number(0.5), s.Mul(weight, x)),
            s.Mul(x, s.Mul(s.Number(0.5), weight)),
            s.Div(s.Mul(weight, x), s.Number(2)),
            s.Mul(x, s.Add(s.Mul(s.Unary(UnaryOp.Erf, s.Mul(x, 0.70710677)), 0.5), 0.5)));
        Snapshot.Match(PassTesting.Run(s, new RecognizeActivations()));
    }

    [Fact]
    public void GeluWithTanh()
    {
        (Sketch s, Value x) = Start();
        Value byPower = s.Mul(s.Add(x, s.Mul(s.Pow(x, 3), 0.044714998453855515)), 0.7978845834732056);
        Value byProduct = s.Mul(s.Number(0.7978845834732056), s.Add(s.Mul(s.Mul(s.Mul(x, x), x), 0.044715), x));
        Value bySquare = s.Mul(s.Mul(x, 0.7978845608), s.Add(s.Mul(s.Mul(x, x), 0.044715), 1));
        s.Output([.. new[] { byPower, byProduct, bySquare }.Select(u => s.Mul(s.Mul(x, 0.5), s.Add(s.Unary(UnaryOp.Tanh, u), 1)))]);
        Snapshot.Match(PassTesting.Run(s, new RecognizeActivations()));
    }

    [Fact]
    public void SigmoidsAndGatedUnits()
    {
        (Sketch s, Value x) = Start();
        Value up = s.Input("up", Sketch.Dim("seq"), 8);
        Value spelled = s.Unary(UnaryOp.Reciprocal, s.Add(s.Unary(UnaryOp.Exp, s.Unary(UnaryOp.Negate, x)), 1));
        s.Output(
            s.Mul(s.Mul(x, s.Unary(UnaryOp.Sigmoid, x)), up),
            s.Mul(up, s.Mul(s.Unary(UnaryOp.Sigmoid, s.Mul(x, 1.702)), x)),
            s.Mul(x, spelled));
        Snapshot.Match(PassTesting.Run(s, new MergeDuplicates(), new RecognizeActivations(), new MergeDuplicates()));
    }

    [Fact]
    public void SimilarFunctionsStay()
    {
        (Sketch s, Value x) = Start();
        Value y = s.Input("y", Sketch.Dim("seq"), 8);
        s.Output(
            s.Mul(x, s.Unary(UnaryOp.Sigmoid, y)),
            s.Mul(s.Mul(x, 0.25), s.Add(s.Unary(UnaryOp.Erf, s.Mul(x, 0.70710677)), 1)),
            s.Mul(s.Mul(x, 0.5), s.Add(s.Unary(UnaryOp.Tanh, s.Mul(x, 0.79788)), 1)));
        PassTesting.Run(s, new RecognizeActivations());
        GraphSummary summary = GraphSummary.Count(s.Graph);
        Assert.Equal((0, 0), (summary.Gelu, summary.Silu));
    }

    private static (Sketch, Value) Start()
    {
        var s = new Sketch("seq");
        return (s, s.Input("x", Sketch.Dim("seq"), 8));
    }
}
