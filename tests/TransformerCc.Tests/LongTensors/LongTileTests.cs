using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;
using TransformerCc.Verification.TileEvaluation;

namespace TransformerCc.Tests.LongTensors;

/// <summary>The evaluator of tile programs holds constants whole; of one that it cannot hold it says the name.</summary>
public sealed class LongTileTests
{
    /// <summary>Bytes that nobody reads.</summary>
    private sealed class Nothing(long length) : LongBytes
    {
        public override long Length => length;

        public override string Location => "nowhere";

        protected override ReadOnlyMemory<byte> View(long offset, int length) => new byte[length];
    }

    [Fact]
    public void A_table_that_no_block_holds_is_refused_by_name()
    {
        const long rows = 70_000, columns = 8200;
        var graph = new Graph("g");
        Value table = graph.Constant(new Tensor(ElementType.F32, [rows, columns], new Nothing(rows * columns * sizeof(float))), "table");
        Value x = graph.AddInput("x", new TensorType(ElementType.I64, [2]));
        graph.Outputs.Add(new GraphOutput("y", graph.Add(new Gather(0), [table, x], ["y"]).Output));
        TileProgram tiles = Tiler.Lower(graph, TestChips.Default, Precision.F32);
        var inputs = new Dictionary<string, Tensor> { ["x"] = Tensor.From<long>(ElementType.I64, [2], [0, rows - 1]) };
        Diagnostic error = Assert.Single(Assert.Throws<DiagnosticException>(() => TileEvaluator.Evaluate(tiles, inputs, new Dictionary<string, long>())).Diagnostics);
        Assert.Equal(("TCC6039", "tensor table"), (error.Code, error.Location));
    }
}
