using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Folding, algebra, layout identities, duplicates, dead nodes, canonical axes.</summary>
public class SimplifyTests
{
    [Fact]
    public void ConstantsAreFoldedUnlessTheyGrow()
    {
        var s = new Sketch("seq");
        Value x = s.Input("x", Sketch.Dim("seq"), 4), w = s.Weights("w", 4, 4);
        Value folded = s.Mul(s.Transpose(w, 1, 0), 2);
        Value kept = s.Broadcast(s.Number(1), 1024, 1024);
        s.Output(s.MatMul(x, folded), s.Slice(kept, 0, 0, Sketch.Dim("seq")));
        Snapshot.Match(PassTesting.Run(s, new FoldConstants()));
    }

    [Fact]
    public void NeutralElementsPowersAndCastsDisappear()
    {
        var s = new Sketch("seq");
        Value x = s.Input("x", Sketch.Dim("seq"), 4);
        Value neutral = s.Div(s.Mul(s.Add(x, 0), 1), s.Number(1));
        Value powers = s.Add(s.Pow(neutral, 2), s.Div(s.Number(1), s.Unary(UnaryOp.Sqrt, s.Add(s.Unary(UnaryOp.Abs, x), 1))));
        Value casts = s.Cast(ElementType.F32, s.Cast(ElementType.F64, s.Cast(ElementType.F32, powers)));
        s.Output(s.Add(casts, s.Broadcast(s.Weights("row", 4), Sketch.Dim("seq"), 4)));
        Snapshot.Match(PassTesting.Run(s, new FixedPoint("simplify", new SimplifyAlgebra(), new RemoveDeadNodes())));
    }

    [Fact]
    public void GathersOfKnownRowsAreSlices()
    {
        var s = new Sketch("seq");
        Value table = s.Weights("positions", 16, 4), x = s.Input("x", Sketch.Dim("seq"), 4);
        Value last = s.Gather(0, x, s.Graph.Constant(TensorMath.FromLongs(ElementType.I64, [], [-1])));
        s.Output(s.Gather(0, table, s.Iota(0, Sketch.Dim("seq"))), last);
        Snapshot.Match(PassTesting.Run(s, new FixedPoint("simplify", new SimplifyAlgebra(), new RemoveDeadNodes())));
    }

    [Fact]
    public void ChainsOfMovementsBecomeOne()
    {
        var s = new Sketch("batch", "seq");
        (DimExpr b, DimExpr n) = (Sketch.Dim("batch"), Sketch.Dim("seq"));
        Value x = s.Input("x", b, n, 2, 4);
        Value there = s.Transpose(s.Transpose(x, 0, 2, 1, 3), 0, 2, 1, 3);
        Value flat = s.Reshape(s.Reshape(there, b, n, 8), b * n, 8);
        Value part = s.Slice(s.Slice(flat, 1, 2, 6), 1, 1, 2, 2);
        Value units = s.Reshape(s.Transpose(s.Input("y", 1, 1, n, 4), 0, 1, 3, 2), 4, n);
        s.Output(part, units, s.Concat(0, s.Transpose(s.Input("z", n, 1, 4), 1, 0, 2)));
        Snapshot.Match(PassTesting.Run(s, new FixedPoint("simplify", new SimplifyLayout(), new RemoveDeadNodes())));
    }

    [Fact]
    public void EqualNodesAndConstantsMerge()
    {
        var s = new Sketch("seq");
        Value x = s.Input("x", Sketch.Dim("seq"), 4);
        Value first = s.Add(x, s.Constant("one", [4], i => i)), second = s.Add(x, s.Constant("same", [4], i => i));
        s.Output(s.Mul(first, second), s.Unary(UnaryOp.Tanh, second));
        Snapshot.Match(PassTesting.Run(s, new MergeDuplicates()));
    }

    [Fact]
    public void NodesWithoutReadersGo()
    {
        var s = new Sketch("seq");
        Value x = s.Input("x", Sketch.Dim("seq"), 4);
        s.Unary(UnaryOp.Erf, s.Unary(UnaryOp.Exp, x));
        s.Output(s.Unary(UnaryOp.Tanh, x));
        Snapshot.Match(PassTesting.Run(s, new RemoveDeadNodes()));
    }

    [Fact]
    public void SoftmaxAndReductionsWorkOnRows()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Sketch.Dim("batch"), Sketch.Dim("seq"), 4);
        s.Output(s.Node(new Softmax(1), x), s.Node(new Reduce(ReduceOp.Max, [0], true), x), s.Mean(x));
        Snapshot.Match(PassTesting.Run(s, new CanonicalizeAxes()));
    }

    /// <summary>Eight-bit floats are read like every other type: a pass looks at the numbers of any constant.</summary>
    [Theory]
    [InlineData(ElementType.F8E4M3, 0x40)]
    [InlineData(ElementType.F8E5M2, 0x40)]
    public void EightBitFloatsAreFolded(ElementType type, byte two)
    {
        var s = new Sketch("seq");
        Value constant = s.Graph.Constant(new Tensor(type, [], new[] { two }));
        s.Output(s.Mul(s.Input("x", Sketch.Dim("seq")), s.Cast(ElementType.F32, constant)));
        PassTesting.Run(s, new FoldConstants(), new SimplifyAlgebra());
        Assert.Equal([2.0], TensorMath.Doubles(s.Graph.Nodes.Single().Inputs[1].ConstantData!));
    }
}
