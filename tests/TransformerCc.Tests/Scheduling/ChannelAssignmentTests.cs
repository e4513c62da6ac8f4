using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Scheduling;

/// <summary>What the channel assignment leaves to a lowering, and what it does not.</summary>
public sealed class ChannelAssignmentTests
{
    private static readonly Extent3 s_row = new(DimExpr.Zero, DimExpr.Zero, sizeof(float)), s_box = new(DimExpr.One, DimExpr.One, 16);

    /// <summary>Old positions of a cache need not wait for the rows that are appended; the whole cache does.</summary>
    [Fact]
    public void Parts_of_a_tensor_are_told_apart()
    {
        TileProgram program = Empty();
        var cache = new DramTensor("cache", TensorKind.State, ElementType.F32, [64]);
        program.Tensors.Add(cache);
        var b = new TileBuilder(program);
        TileBuffer rows = b.Buffer("rows", MemorySpace.Asp, 64), old = b.Buffer("old", MemorySpace.Asp, 64), all = b.Buffer("all", MemorySpace.Asp, 64);
        VectorTile row = new(rows, DimExpr.Zero, 64, ElementType.F32);
        b.Iota(row, DimExpr.One, 16, DimExpr.Zero, DimExpr.Zero, DimExpr.One);
        b.Store(new StridedDram(cache, DimExpr.Zero, s_row, DramPart.Added), new StridedTile(rows, DimExpr.Zero, ElementType.F32, s_row), s_box);
        b.Load(new StridedTile(old, DimExpr.Zero, ElementType.F32, s_row), new StridedDram(cache, DimExpr.Zero, s_row, DramPart.Before), s_box);
        b.Load(new StridedTile(all, DimExpr.Zero, ElementType.F32, s_row), new StridedDram(cache, DimExpr.Zero, s_row), s_box);
        // All three live to the end, so that none shares its place.
        foreach (TileBuffer buffer in new[] { rows, old, all })
        {
            VectorTile tile = new(buffer, DimExpr.Zero, 64, ElementType.F32);
            b.Unary(UnaryOp.Exp, tile, tile, DimExpr.One, 16);
        }

        ChannelAssignment.Run(program, MemoryPlanner.Place(program, program.Chip));

        TileStatement[] loads = [.. program.Body.Nodes.OfType<TileStatement>().Where(s => s.Engine == Engine.DmaIn && s.Operands.Count > 1)];
        Assert.Empty(loads[0].Acquires);
        Assert.Single(loads[1].Acquires);
    }

    /// <summary>A product with the first columns of a buffer waits for them, not for what is written beside them.</summary>
    [Fact]
    public void Columns_of_a_buffer_are_told_apart()
    {
        TileProgram program = Empty();
        var b = new TileBuilder(program);
        TileBuffer rows = b.Buffer("rows", MemorySpace.Asp, 16 * 256), weights = b.Buffer("weights", MemorySpace.Asp, 2048), sums = b.Buffer("sums", MemorySpace.Acc, 16 * 512);
        DimExpr count = DimExpr.Symbol("n");
        foreach (int column in new[] { 0, 128 })
        {
            b.Iota(new VectorTile(rows, column, 256, ElementType.F32), count, 32, DimExpr.Zero, DimExpr.One, DimExpr.One);
        }
        foreach (int column in new[] { 0, 128 })
        {
            b.MatMul(new VectorTile(rows, column, 256, ElementType.F32), new ScratchOperand(weights, DimExpr.Zero), ElementType.F32, 64, PanelLayout.KByN, new ScratchOperand(sums, DimExpr.Zero), 512, count, 32, 16, AccumulateMode.Init, 1);
        }

        ChannelAssignment.Run(program, MemoryPlanner.Place(program, program.Chip));

        TileStatement[] statements = [.. program.Body.Nodes.OfType<TileStatement>().Where(s => s.Operands.Count > 1)];
        Assert.All(statements.Where(s => s.Engine == Engine.Vector), s => Assert.Single(s.Releases));
        Assert.All(statements.Where(s => s.Engine == Engine.Matrix), s => Assert.Single(s.Acquires));
    }

    /// <summary>Turns that a lowering orders go across loops: their units are there at the program's start, and no loop adds any.</summary>
    [Fact]
    public void Order_made_by_hand_is_kept()
    {
        TileProgram program = Empty();
        var input = new DramTensor("x", TensorKind.Input, ElementType.F32, [64]);
        program.Tensors.Add(input);
        var b = new TileBuilder(program);
        TileChannel full = b.Channel("full", Engine.DmaIn, Engine.Vector, 0), free = b.Channel("free", Engine.Vector, Engine.DmaIn, 1);
        b.Region("region", () =>
        {
            TileBuffer slot = b.OrderedBuffer("slot", MemorySpace.Asp, 64);
            VectorTile tile = new(slot, DimExpr.Zero, 64, ElementType.F32);
            b.Loop("outer", DimExpr.Symbol("n"), _ => b.Loop("inner", DimExpr.Symbol("n"), _ =>
            {
                b.Take(free);
                b.Load(new StridedTile(slot, DimExpr.Zero, ElementType.F32, s_row), new StridedDram(input, DimExpr.Zero, s_row), s_box);
                b.Give(full);
                b.Take(full);
                b.Unary(UnaryOp.Exp, tile, tile, DimExpr.One, 16);
                b.Give(free);
            }));
        });

        int semaphores = ChannelAssignment.Run(program, MemoryPlanner.Place(program, program.Chip));

        Assert.Equal(2, semaphores);
        Assert.Equal([Engine.Vector, null, Engine.DmaIn], program.Body.Nodes.Select(n => (n as TileStatement)?.Engine));
        TileBlock inner = Assert.IsType<TileLoop>(Assert.Single(Assert.IsType<TileLoop>(Assert.Single(Assert.IsType<TileLoop>(program.Body.Nodes[1]).Body.Nodes)).Body.Nodes)).Body;
        Assert.Equal(2, inner.Nodes.Count);
        Assert.All(inner.Nodes.OfType<TileStatement>(), s => Assert.Equal((1, 1), (s.Acquires.Count, s.Releases.Count)));
    }

    private static TileProgram Empty() => new()
    {
        Chip = TestChips.Edge,
        Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(1, 8) },
        Weights = new WeightStream(),
        Ring = [],
    };
}
