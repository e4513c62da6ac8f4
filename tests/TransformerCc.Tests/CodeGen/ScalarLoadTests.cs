using TransformerCc.Compiler.CodeGen;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.Scheduling;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Runtime;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Emulation;
using TransformerCc.Runtime.Loader;

namespace TransformerCc.Tests.CodeGen;

/// <summary>A value in ASP decides an address and a trip count: a ragged copy, with the lengths of the rows as data.</summary>
public class ScalarLoadTests
{
    private const int Columns = 16;

    [Fact]
    public void LoadedScalarsAreAddressesAndCounts()
    {
        long[] lengths = [3, 0, 16, 1];
        RunResult run = Run(lengths);
        Assert.DoesNotContain(run.Findings, f => f.Kind != FindingKind.UnwrittenOutput);
        float[] y = run.Outputs["y"].AsSpan<float>().ToArray();
        for (int i = 0; i < y.Length; i++)
        {
            Assert.Equal(i % Columns < lengths[i / Columns] ? i + 1 : 0, y[i]);
        }
    }

    [Fact]
    public void AValueOutsideItsIntervalTraps()
    {
        TrapException e = Assert.Throws<TrapException>(() => Run([1, 1L << 40]));
        Assert.Equal(TrapKind.OutOfSpace, e.Trap.Kind);
    }

    private static RunResult Run(long[] lengths)
    {
        DimExpr n = DimExpr.Symbol("n");
        DramTensor list = new("lengths", TensorKind.Input, ElementType.I64, [n]), x = new("x", TensorKind.Input, ElementType.F32, [n, Columns]), y = new("y", TensorKind.Output, ElementType.F32, [n, Columns]);
        var tiles = new TileProgram
        {
            Chip = TestChips.Edge,
            Dimensions = new SortedDictionary<string, DimInterval>(StringComparer.Ordinal) { ["n"] = new(1, 8) },
            Weights = new WeightStream(),
            Ring = [],
        };
        tiles.Tensors.AddRange([list, x, y]);
        var b = new TileBuilder(tiles);
        var row = new Extent3(DimExpr.Zero, DimExpr.Zero, sizeof(float));
        TileBuffer all = b.Buffer("lengths", MemorySpace.Asp, 8 * sizeof(long));
        var words = new Extent3(DimExpr.Zero, DimExpr.Zero, sizeof(long));
        b.Load(new StridedTile(all, DimExpr.Zero, ElementType.I64, words), new StridedDram(list, DimExpr.Zero, words), new Extent3(DimExpr.One, DimExpr.One, n));
        b.Loop("row", n, i =>
        {
            DimExpr length = b.LoadScalar("length", new ScratchOperand(all, i * sizeof(long)), ElementType.I64, new DimInterval(0, Columns));
            Assert.Equal(new DimInterval(0, Columns * 2), b.Bounds(length * 2));
            b.Loop("column", length, j =>
            {
                TileBuffer element = b.Buffer("element", MemorySpace.Asp, sizeof(float));
                DimExpr place = ((i * Columns) + j) * sizeof(float);
                b.Load(new StridedTile(element, DimExpr.Zero, ElementType.F32, row), new StridedDram(x, place, row), new Extent3(DimExpr.One, DimExpr.One, DimExpr.One));
                b.Store(new StridedDram(y, place, row), new StridedTile(element, DimExpr.Zero, ElementType.F32, row), new Extent3(DimExpr.One, DimExpr.One, DimExpr.One));
            });
        });
        Assert.Empty(TileVerifier.Verify(tiles));
        MemoryPlan plan = MemoryPlanner.Place(tiles, tiles.Chip);
        ChannelAssignment.Run(tiles, plan);
        ProgramImage image = CodeGenerator.Emit(tiles, plan, tiles.Chip, ChipDescriptions.Fingerprint(tiles.Chip), []);
        Assert.Empty(StaticChecks.Run(image.EntryPoints[0]));
        using LoadedProgram program = LoadedProgram.Load(image, tiles.Chip);
        return new Session(program).Run(
            new Dictionary<string, Tensor>
            {
                ["lengths"] = Tensor.From<long>(ElementType.I64, [lengths.Length], lengths),
                ["x"] = Tensor.From<float>(ElementType.F32, [lengths.Length, Columns], [.. Enumerable.Range(1, lengths.Length * Columns).Select(v => (float)v)]),
            },
            new RunOptions { Check = true });
    }
}
