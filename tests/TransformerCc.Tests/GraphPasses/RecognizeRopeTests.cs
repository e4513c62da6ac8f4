using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Rotary embedding as exporters spell it.</summary>
public class RecognizeRopeTests
{
    private static readonly DimExpr Batch = Sketch.Dim("batch"), Seq = Sketch.Dim("seq");

    private static readonly IGraphPass[] Passes = [new FixedPoint("simplify", new SimplifyLayout(), new MergeDuplicates(), new RemoveDeadNodes()), new RecognizeRope(), new RemoveDeadNodes()];

    [Fact]
    public void InterleavedByStridedSlices()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, Seq, 2, 8);
        Value cos = Table(s, "cos", 1, Seq, 1, 4), sin = Table(s, "sin", 1, Seq, 1, 4);
        Value even = s.Slice(x, 3, 0, 4, 2), odd = s.Slice(x, 3, 1, 4, 2);
        s.Output(Stack(s, s.Sub(s.Mul(even, cos), s.Mul(odd, sin)), s.Add(s.Mul(even, sin), s.Mul(odd, cos))));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    [Fact]
    public void InterleavedByPairs()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, 2, Seq, 8), pairs = s.Reshape(x, Batch, 2, Seq, 4, 2);
        Value cos = Table(s, "cos", 1, 1, Seq, 4), sin = Table(s, "sin", 1, 1, Seq, 4);
        Value even = s.Reshape(s.Slice(pairs, 4, 0, 1), Batch, 2, Seq, 4), odd = s.Reshape(s.Slice(pairs, 4, 1, 1), Batch, 2, Seq, 4);
        s.Output(Stack(s, s.Sub(s.Mul(cos, even), s.Mul(sin, odd)), s.Add(s.Mul(odd, cos), s.Mul(sin, even))));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    [Fact]
    public void RotateHalfWithFullTables()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, 2, Seq, 8);
        // Tables are a constant whose halves are equal, or functions of a concatenation of the angles with themselves.
        Value Constant(string name, double phase) => s.Slice(s.Constant(name, [16, 8], i => Math.Cos((i / 8 * Math.Pow(0.5, i % 4)) - phase)), 0, 0, Seq);
        Value half = s.Input("angles", Batch, 1, Seq, 4), angles = s.Concat(3, half, half);
        s.Output(
            s.Add(s.Mul(x, Constant("cos", 0)), s.Mul(Rotated(s, x), Constant("sin", Math.PI / 2))),
            s.Add(s.Mul(s.Unary(UnaryOp.Sin, angles), Rotated(s, x)), s.Mul(s.Unary(UnaryOp.Cos, angles), x)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    [Fact]
    public void HalvesOfTheLeadingPart()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, Seq, 2, 12), head = s.Slice(x, 3, 0, 8), tail = s.Slice(x, 3, 8, 4);
        Value cos = Table(s, "cos", Seq, 1, 4), sin = Table(s, "sin", Seq, 1, 4);
        Value first = s.Slice(head, 3, 0, 4), second = s.Slice(head, 3, 4, 4);
        s.Output(s.Concat(3, s.Concat(3, s.Sub(s.Mul(first, cos), s.Mul(second, sin)), s.Add(s.Mul(second, cos), s.Mul(first, sin))), tail));
        // Without slice merging, which would make the halves slices of x.
        Snapshot.Match(PassTesting.Run(s, new RecognizeRope(), new RecognizeRope(), new RemoveDeadNodes()));
    }

    [Fact]
    public void TablesWithDifferentHalvesStay()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, 2, Seq, 8);
        Value cos = s.Slice(s.Weights("cos", 16, 8), 0, 0, Seq), sin = s.Slice(s.Weights("sin", 16, 8), 0, 0, Seq);
        s.Output(s.Add(s.Mul(x, cos), s.Mul(Rotated(s, x), sin)));
        PassTesting.Run(s, Passes);
        Assert.Equal(0, GraphSummary.Count(s.Graph).Rope);
    }

    private static Value Table(Sketch s, string name, params DimExpr[] shape) => s.Reshape(s.Slice(s.Weights(name, 16, 4), 0, 0, Seq), shape);

    private static Value Rotated(Sketch s, Value x) => s.Concat(3, s.Unary(UnaryOp.Negate, s.Slice(x, 3, 4, 4)), s.Slice(x, 3, 0, 4));

    private static Value Stack(Sketch s, Value p, Value q)
    {
        DimExpr[] heads = [.. p.Type.Shape.SkipLast(1)];
        return s.Reshape(s.Concat(4, s.Reshape(p, [.. heads, 4, 1]), s.Reshape(q, [.. heads, 4, 1])), [.. heads, 8]);
    }
}
