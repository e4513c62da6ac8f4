using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Attention with the masks, scales and head layouts of the exporters.</summary>
public class RecognizeAttentionTests
{
    private static readonly DimExpr Batch = Sketch.Dim("batch"), Seq = Sketch.Dim("seq");

    private static readonly IGraphPass[] Passes =
    [
        new FixedPoint("simplify", new FoldConstants(), new SimplifyAlgebra(), new SimplifyLayout(), new MergeDuplicates(), new RemoveDeadNodes()),
        new FixedPoint("before", new FoldLayout(), new SimplifyLayout(), new RemoveDeadNodes()),
        new RecognizeAttention(),
        new FixedPoint("fold", new FoldLayout(), new SimplifyLayout(), new MergeDuplicates(), new RemoveDeadNodes()),
    ];

    /// <summary>nanoGPT: where(tril[:S, :S] == 0, −∞, scores).</summary>
    [Fact]
    public void CausalByWhere()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value table = s.Slice(s.Slice(s.Triangle(16, 1, 0, 4), 2, 0, Seq), 3, 0, Seq);
        Value scores = s.Mul(s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), 0.5);
        Value masked = s.Select(s.Cast(ElementType.Bool, s.Binary(BinaryOp.Equal, table, s.Number(0))), s.Number(double.NegativeInfinity), scores);
        s.Output(Merge(s, s.MatMul(s.Softmax(masked), v)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>Llama: an additive triangle of −∞, and every key head repeated for two query heads.</summary>
    [Fact]
    public void CausalByTriluWithRepeatedHeads()
    {
        var s = new Sketch("batch", "seq");
        Value q = s.Transpose(s.Reshape(s.Input("q", Batch, Seq, 16), Batch, Seq, 4, 4), 0, 2, 1, 3);
        Value k = s.Transpose(s.Reshape(s.Input("k", Batch, Seq, 8), Batch, Seq, 2, 4), 0, 2, 1, 3);
        Value v = s.Reshape(s.Input("v", Batch, Seq, 8), Batch, Seq, 2, 4);
        Value keys = s.Reshape(s.Broadcast(s.Reshape(k, Batch, 2, 1, Seq, 4), Batch, 2, 2, Seq, 4), Batch, 4, Seq, 4);
        Value values = s.Transpose(s.Reshape(s.Broadcast(s.Reshape(v, Batch, Seq, 2, 1, 4), Batch, Seq, 2, 2, 4), Batch, Seq, 4, 4), 0, 2, 1, 3);
        Value mask = s.Node(new Trilu(true, 1), s.Broadcast(s.Number(double.NegativeInfinity), Seq, Seq));
        Value scores = s.Add(s.Div(s.MatMul(q, s.Transpose(keys, 0, 1, 3, 2)), s.Number(2)), mask);
        s.Output(Merge(s, s.MatMul(s.Softmax(scores), values)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>CLIP: sequence before batch, batch and heads merged, the scale on the queries.</summary>
    [Fact]
    public void SequenceFirstWithMergedHeads()
    {
        var s = new Sketch("batch");
        Value x = s.Transpose(s.Input("x", Batch, 6, 8), 1, 0, 2), w = s.Weights("w", 8, 24);
        Value qkv = s.MatMul(x, w);
        Value q = s.Reshape(s.Slice(qkv, 2, 0, 8), 6, Batch * 2, 4), k = s.Reshape(s.Slice(qkv, 2, 8, 8), 6, Batch * 2, 4), v = s.Reshape(s.Slice(qkv, 2, 16, 8), 6, Batch * 2, 4);
        Value scores = s.MatMul(s.Div(s.Transpose(q, 1, 0, 2), s.Number(2)), s.Transpose(k, 1, 2, 0));
        Value masked = s.Add(s.Mul(scores, 1), s.Triangle(6, 0, double.NegativeInfinity, 3));
        Value heads = s.Transpose(s.MatMul(s.Softmax(masked), s.Transpose(v, 1, 0, 2)), 1, 0, 2);
        Value output = s.Reshape(s.Add(s.MatMul(s.Reshape(heads, Batch * 6, 8), s.Weights("o", 8, 8)), s.Weights("bias", 8)), 6, Batch, 8);
        s.Output(s.Transpose(s.Add(x, output), 1, 0, 2));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>Gemma 2: cap·tanh(scores / cap) before the mask.</summary>
    [Fact]
    public void SoftCapBeforeTheMask()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value scores = s.Mul(s.Unary(UnaryOp.Tanh, s.Div(s.Mul(s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), 0.5), s.Number(50))), 50);
        s.Output(Merge(s, s.MatMul(s.Softmax(s.Add(scores, s.Input("mask", Batch, 1, Seq, Seq))), v)));
        Assert.Equal(50, Fused(s).SoftCap);
    }

    /// <summary>Transformer-XL: the sum of scores and relative positions is scaled.</summary>
    [Fact]
    public void BiasInsideTheScale()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value sum = s.Add(s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), s.Input("bias", Batch, 2, Seq, Seq));
        s.Output(Merge(s, s.MatMul(s.Softmax(s.Mul(sum, 0.5)), v)));
        Assert.Equal((0.5f, MaskKind.Additive), (Fused(s).Scale, Fused(s).Mask));
    }

    /// <summary>The smallest float takes the place of hidden scores: adding it gives the same, also in rows that are all hidden.</summary>
    [Theory]
    [InlineData(-3.4028235e38, true)]
    [InlineData(-1e9, false)]
    public void FillThatAbsorbsEveryScoreIsAdded(double fill, bool fused)
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value hidden = s.Binary(BinaryOp.Less, s.Input("mask", Batch, 1, 1, Seq), s.Number(0));
        Value scores = s.Mul(s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), 0.5);
        s.Output(Merge(s, s.MatMul(s.Softmax(s.Select(hidden, s.Number(fill), scores)), v)));
        PassTesting.Run(s, Passes);
        Assert.Equal(fused, s.Graph.Nodes.Exists(n => n.Op is Attention { Mask: MaskKind.Additive }));
    }

    /// <summary>Swin: a bias on all windows, then a mask where images and windows are dimensions of their own.</summary>
    [Fact]
    public void WindowsWithAMaskEach()
    {
        var s = new Sketch("batch");
        Value Heads(string name) => s.Input(name, Batch * 4, 2, 6, 8);
        Value scores = s.Add(s.MatMul(Heads("q"), s.Transpose(Heads("k"), 0, 1, 3, 2)), s.Weights("bias", 1, 2, 6, 6));
        Value windows = s.Add(s.Reshape(scores, Batch, 4, 2, 6, 6), s.Weights("mask", 1, 4, 1, 6, 6));
        s.Output(s.MatMul(s.Softmax(s.Reshape(windows, Batch * 4, 2, 6, 6)), Heads("v")));
        Assert.Equal(MaskKind.Additive, Fused(s).Mask);
    }

    private static Attention Fused(Sketch s)
    {
        if (!s.Graph.Nodes.Exists(n => n.Op is Attention))
        {
            PassTesting.Run(s, Passes);
        }
        return (Attention)Assert.Single(s.Graph.Nodes, n => n.Op is Attention).Op;
    }

    /// <summary>A keyword spotter: one head, everything in two dimensions.</summary>
    [Fact]
    public void SingleHeadInTwoDimensions()
    {
        var s = new Sketch();
        Value x = s.Reshape(s.Input("x", 1, 6, 4), 6, 4);
        Value q = s.MatMul(x, s.Weights("q", 4, 4)), k = s.MatMul(x, s.Weights("k", 4, 4)), v = s.MatMul(x, s.Weights("v", 4, 4));
        Value keys = s.Reshape(s.Transpose(s.Reshape(k, 1, 1, 6, 4), 0, 1, 3, 2), 4, 6);
        Value softmax = s.Softmax(s.Reshape(s.Mul(s.MatMul(q, keys), 0.125), 1, 1, 6, 6));
        s.Output(s.Reshape(s.MatMul(s.Reshape(softmax, 6, 6), v), 1, 6, 4));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>Whisper: the scale on both sides; BERT: a mask made from an input.</summary>
    [Fact]
    public void ScaleOnBothSidesAndAdditiveMask()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value mask = s.Mul(s.Sub(s.Number(1), s.Reshape(s.Input("mask", Batch, Seq), Batch, 1, 1, Seq)), -10000);
        Value scores = s.MatMul(s.Mul(q, 0.7), s.Transpose(s.Mul(k, 0.7), 0, 1, 3, 2));
        s.Output(Merge(s, s.MatMul(s.Softmax(s.Add(mask, scores)), v)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>T5: a bias by relative position, then padding; what −∞ hides joins the sum.</summary>
    [Fact]
    public void SeveralMasksBecomeOneSum()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value bias = s.Input("bias", 1, 2, Seq, Seq), padding = s.Mul(s.Reshape(s.Input("padding", Batch, Seq), Batch, 1, 1, Seq), -1e9);
        Value hidden = s.Binary(BinaryOp.Less, s.Reshape(s.Input("level", Batch, Seq), Batch, 1, 1, Seq), s.Number(-0.5));
        Value scores = s.Add(s.Add(s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), bias), padding);
        s.Output(Merge(s, s.MatMul(s.Softmax(s.Select(hidden, s.Number(double.NegativeInfinity), scores)), v)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>A boolean mask that is not causal, and a causal one that is computed from positions.</summary>
    [Fact]
    public void BooleanMaskAndComparedPositions()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value rows = s.Reshape(s.Iota(0, Seq), Seq, 1), columns = s.Iota(0, Seq);
        Value causal = s.Select(s.Binary(BinaryOp.LessOrEqual, columns, rows), s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), s.Number(float.MinValue));
        Value padding = s.Binary(BinaryOp.Less, s.Reshape(s.Input("padding", Batch, Seq), Batch, 1, 1, Seq), s.Number(2));
        s.Output(Merge(s, s.MatMul(s.Softmax(s.Select(padding, causal, s.Number(double.NegativeInfinity))), v)));
        Snapshot.Match(PassTesting.Run(s, Passes));
    }

    /// <summary>What attention cannot express stays plain: capped scores, and a finite fill that may cover whole rows.</summary>
    [Fact]
    public void OtherScoresStay()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value scores = s.MatMul(q, s.Transpose(k, 0, 1, 3, 2));
        Value padding = s.Binary(BinaryOp.Less, s.Reshape(s.Input("padding", Batch, Seq), Batch, 1, 1, Seq), s.Number(0));
        foreach (Value masked in new[] { s.Unary(UnaryOp.Tanh, scores), s.Select(padding, s.Number(-20000), scores) })
        {
            s.Output(s.MatMul(s.Softmax(masked), v));
        }
        PassTesting.Run(s, Passes);
        GraphSummary summary = GraphSummary.Count(s.Graph);
        Assert.Equal((0, 2), (summary.Attention, summary.ScoreSoftmax));
    }

    /// <summary>A triangle that leaves the first query without a key is no causal limit: 0 there would be another result. It stays a mask.</summary>
    [Fact]
    public void TriangleWithAnEmptyRowIsAMask()
    {
        (Sketch s, Value q, Value k, Value v) = Heads();
        Value strict = s.Node(new Trilu(true, 0), s.Broadcast(s.Number(double.NegativeInfinity), Seq, Seq));
        s.Output(s.MatMul(s.Softmax(s.Add(s.MatMul(q, s.Transpose(k, 0, 1, 3, 2)), strict)), v));
        PassTesting.Run(s, Passes);
        GraphSummary summary = GraphSummary.Count(s.Graph);
        Assert.Equal((1, 0), (summary.Attention, summary.CausalAttention));
    }

    private static (Sketch, Value Q, Value K, Value V) Heads()
    {
        var s = new Sketch("batch", "seq");
        Value Split(string name) => s.Transpose(s.Reshape(s.Input(name, Batch, Seq, 8), Batch, Seq, 2, 4), 0, 2, 1, 3);
        return (s, Split("q"), Split("k"), Split("v"));
    }

    private static Value Merge(Sketch s, Value heads) => s.Reshape(s.Transpose(heads, 0, 2, 1, 3), Batch, Seq, heads.Type.Shape[1] * 4);
}
