using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Tests.GraphPasses;

/// <summary>What convolutions take in: the stems of audio and of image models.</summary>
public class FuseConvolutionTests
{
    private static readonly DimExpr Batch = Sketch.Dim("batch");

    private static Value Conv(Sketch s, Value x, Value w) =>
        s.Node(new Conv([.. Enumerable.Repeat(2L, x.Type.Rank - 2)], [.. Enumerable.Repeat(1L, x.Type.Rank - 2)], [.. Enumerable.Repeat(1L, x.Type.Rank - 2)], [.. Enumerable.Repeat(1L, x.Type.Rank - 2)], false), x, w);

    [Fact]
    public void ActivationTransposeAndPositionsAreTakenIn()
    {
        var s = new Sketch("batch");
        Value first = s.Unary(UnaryOp.GeluErf, Conv(s, s.Input("audio", Batch, 4, 32), s.Weights("w1", 8, 4, 3)));
        Value second = s.Unary(UnaryOp.GeluErf, Conv(s, first, s.Weights("w2", 8, 8, 3)));
        s.Output(s.Add(s.Transpose(second, 0, 2, 1), s.Weights("positions", 8, 8)));
        Value patches = s.Reshape(Conv(s, s.Input("image", Batch, 3, 8, 8), s.Weights("w3", 8, 3, 3, 3)), Batch, 8, 16);
        s.Output(s.Add(s.Weights("cells", 1, 16, 8), s.Transpose(patches, 0, 2, 1)));
        Snapshot.Match(PassTesting.Run(s, new FuseConvolution(), new RemoveDeadNodes()));
    }

    [Fact]
    public void WhatOthersReadStays()
    {
        var s = new Sketch("batch");
        Value y = Conv(s, s.Input("x", Batch, 4, 32), s.Weights("w", 8, 4, 3)), z = s.Unary(UnaryOp.Relu, y), rows = s.Transpose(z, 0, 2, 1);
        s.Output(s.Add(rows, rows), s.Add(y, z));
        Snapshot.Match(PassTesting.Run(s, new FuseConvolution()));
    }
}
