using FsCheck.Xunit;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.TileIR;

namespace TransformerCc.Tests.MemoryPlanning;

/// <summary>Plans, their bounds, and the lifetimes they are made for.</summary>
public sealed class PlannerTests
{
    [Property(MaxTest = 300)]
    public bool First_fit_gives_plans_that_the_checker_accepts(int seed)
    {
        PackingProblem problem = RandomProblems.Make(seed);
        PackingSolution solution = FirstFitPlanner.Solve(problem);
        return PlanChecker.Check(problem, solution, "asp").Count == 0 && solution.Peak(problem) >= problem.LivePeak();
    }

    [Property(MaxTest = 300)]
    public bool Live_peak_is_the_largest_sum_over_all_steps(int seed)
    {
        PackingProblem problem = RandomProblems.Make(seed);
        long expected = Enumerable.Range(0, 50).Max(step => problem.Buffers.Where(b => b.Lifespan.Lower <= step && step < b.Lifespan.Upper).Sum(b => b.Size));
        return problem.LivePeak() == expected;
    }

    [Fact]
    public void First_fit_is_perfect_where_buffers_nest()
    {
        var problem = new PackingProblem([new("a", new(0, 4), 128), new("b", new(0, 2), 64), new("c", new(2, 4), 64), new("d", new(3, 4), 64)], 256);
        PackingSolution solution = FirstFitPlanner.Solve(problem);
        Assert.Equal([0, 128, 128, 192], solution.Offsets);
        Assert.Equal(problem.LivePeak(), solution.Peak(problem));
    }

    /// <summary>A buffer that a loop uses must survive every iteration, even after its last use in the text.</summary>
    [Fact]
    public void What_a_loop_carries_lives_through_the_loop()
    {
        TileProgram program = TilePrograms.Empty();
        var b = new TileBuilder(program);
        void Touch(TileBuffer buffer) => b.Fill(new ScratchOperand(buffer, DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, 0);
        TileBuffer before = b.Buffer("before", MemorySpace.Asp, 64), carried = b.Buffer("carried", MemorySpace.Asp, 64), after = b.Buffer("after", MemorySpace.Asp, 64), unused = b.Buffer("unused", MemorySpace.Asp, 64);
        TileBuffer early = null!, late = null!;
        Touch(before);
        b.Loop("i", DimExpr.Symbol("n"), _ =>
        {
            early = b.Buffer("early", MemorySpace.Asp, 64);
            late = b.Buffer("late", MemorySpace.Asp, 64);
            Touch(carried);
            Touch(early);
            Touch(late);
        });
        Touch(after);
        (PackingProblem problem, List<TileBuffer> buffers) = MemoryPlanner.Problem(program.Body, program.Chip, MemorySpace.Asp, 0);
        Lifespan Of(TileBuffer buffer) => problem.Buffers[buffers.IndexOf(buffer)].Lifespan;
        Assert.DoesNotContain(unused, buffers);
        Assert.False(Of(before).Overlaps(Of(carried)));
        Assert.False(Of(carried).Overlaps(Of(after)));
        Assert.False(Of(early).Overlaps(Of(late)));
        Assert.True(Of(carried).Overlaps(Of(early)) && Of(carried).Overlaps(Of(late)));
    }

    [Fact]
    public void Ring_comes_first_and_nothing_overlaps_it()
    {
        TileProgram program = TilePrograms.Example();
        var b = new TileBuilder(program);
        TileBuffer key = b.Buffer("key", MemorySpace.Wsp, 640);
        b.Fill(new ScratchOperand(key, DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, 0);
        MemoryPlan plan = MemoryPlanner.Place(program, program.Chip);
        Assert.Equal((0, 4096), (plan.Offsets[program.Ring[0]], plan.Offsets[key]));
        MemoryUse wsp = plan.Use.Single(u => u.Space == MemorySpace.Wsp);
        Assert.Equal(new MemoryUse(MemorySpace.Wsp, 640, 640, 4096, program.Chip.Memory.WspBytes), wsp);
    }

    [Fact]
    public void Too_small_a_memory_is_reported_with_the_buffers_alive()
    {
        TileProgram program = TilePrograms.Empty();
        var b = new TileBuilder(program);
        foreach (string name in new[] { "left", "right" })
        {
            b.Fill(new ScratchOperand(b.Buffer(name, MemorySpace.Asp, 3 << 20), DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, 0);
        }
        b.Loop("i", DimExpr.Symbol("n"), _ => program.Body.Buffers.ForEach(x => b.Fill(new ScratchOperand(x, DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, 0)));
        DiagnosticException e = Assert.Throws<DiagnosticException>(() => MemoryPlanner.Place(program, program.Chip));
        Diagnostic d = Assert.Single(e.Diagnostics);
        Assert.Equal((FailureKind.DoesNotFit, "TCC3110"), (e.Kind, d.Code));
        Assert.Contains($"too small by {2 << 20} bytes", d.Message, StringComparison.Ordinal);
        Assert.Contains("left (3145728 bytes)", d.Message, StringComparison.Ordinal);
        Assert.Contains("right (3145728 bytes)", d.Message, StringComparison.Ordinal);
    }
}
