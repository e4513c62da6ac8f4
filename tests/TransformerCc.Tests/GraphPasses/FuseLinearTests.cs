using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>Epilogues of products with constants, and the movements that stand between them.</summary>
public class FuseLinearTests
{
    private static readonly DimExpr Batch = Sketch.Dim("batch"), Seq = Sketch.Dim("seq");

    [Fact]
    public void BiasActivationAndResidualAreTakenIn()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, Seq, 8);
        Value up = s.Unary(UnaryOp.GeluErf, s.Add(s.Weights("b1", 16), s.MatMul(x, s.Weights("w1", 8, 16))));
        Value down = s.Add(s.MatMul(up, s.Weights("w2", 16, 8)), s.Weights("b2", 8));
        s.Output(s.Add(x, down));
        Snapshot.Match(PassTesting.Run(s, new FuseLinear()));
    }

    [Fact]
    public void ValuesWithOtherReadersStay()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Input("x", Batch, Seq, 8), product = s.MatMul(x, s.Weights("w", 8, 8));
        Value biased = s.Add(product, s.Weights("b", 8));
        s.Output(s.Unary(UnaryOp.Relu, biased), s.Add(biased, x), s.MatMul(x, s.Transpose(product, 0, 2, 1)));
        Snapshot.Match(PassTesting.Run(s, new FuseLinear()));
    }

    /// <summary>TensorFlow flattens rows around every product; sequence-first models exchange rows at both ends.</summary>
    [Fact]
    public void MovementsOfRowsMeetTheirInverse()
    {
        var s = new Sketch("batch", "seq");
        Value x = s.Transpose(s.Input("x", Batch, Seq, 8), 1, 0, 2);
        Value flat = s.MatMul(s.Reshape(x, Batch * Seq, 8), s.Weights("w", 8, 8));
        Value rows = s.Reshape(s.Unary(UnaryOp.Relu, s.Add(flat, s.Weights("b", 8))), Seq, Batch, 8);
        s.Output(s.Transpose(s.Add(s.Slice(rows, 2, 0, 4), s.Slice(x, 2, 4, 4)), 1, 0, 2));
        Snapshot.Match(PassTesting.Run(s, new FixedPoint("fold-layout", new FoldLayout(), new SimplifyLayout(), new RemoveDeadNodes()), new FuseLinear()));
    }

    /// <summary>Weights stay as the model stores them: no transposed copy, no expanded blocks, and a tied table serves both ends.</summary>
    [Fact]
    public void WeightsAreTakenAsTheyAreStored()
    {
        var s = new Sketch("batch", "seq");
        Value ids = s.Node(new TopK(1, Largest: true), s.Input("choice", Batch, Seq, 4));
        Value index = s.Reshape(ids.Producer!.Outputs[1], Batch, Seq);
        Value blocks = s.Graph.Constant(Tiling.BlockWeightTests.Blocks(BlockFormat.OfGgml(2)!, [40, 32], new Random(1)), "table");
        Value table = s.Node(new DequantizeBlocks(BlockFormat.OfGgml(2)!, 32), blocks);
        Value x = s.Gather(0, table, index), w = s.Weights("w", 32, 32);
        Value hidden = s.Unary(UnaryOp.Relu, s.Add(s.MatMul(x, s.Transpose(w, 1, 0)), s.Weights("b", 32)));
        Value logits = s.MatMul(hidden, s.Transpose(table, 1, 0));
        s.Output(logits, s.MatMul(logits, table));
        Snapshot.Match(PassTesting.Run(s, new FoldConstants(), new FuseLinear(), new RemoveDeadNodes()));
    }
}
