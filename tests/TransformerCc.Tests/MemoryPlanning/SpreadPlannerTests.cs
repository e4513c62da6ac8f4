using FsCheck.Xunit;
using TransformerCc.Compiler.MemoryPlanning;

namespace TransformerCc.Tests.MemoryPlanning;

/// <summary>Buffers lie far apart in time where the memory has room, and the plan stays a plan.</summary>
public sealed class SpreadPlannerTests
{
    [Property(MaxTest = 300)]
    public bool A_plan_is_within_the_capacity_and_keeps_apart_what_lives_together(int seed)
    {
        PackingProblem problem = RandomProblems.Make(seed), tight = problem with { Capacity = problem.LivePeak() * 5 / 4 };
        return SpreadPlanner.Solve(problem, [new Lifespan(0, 20)]) is { } plan && PlanChecker.Check(problem, plan, "asp").Count == 0
            && (SpreadPlanner.Solve(tight, []) is not { } dense || PlanChecker.Check(tight, dense, "asp").Count == 0);
    }

    [Fact]
    public void Buffers_that_follow_each_other_lie_side_by_side_where_there_is_room()
    {
        PackedBuffer[] turns = [new("first", new(0, 2), 128), new("second", new(2, 4), 128), new("third", new(4, 6), 128)];
        Assert.Equal([0, 128, 256], SpreadPlanner.Solve(new PackingProblem(turns, 384), [])!.Offsets);
        // With two places, the third takes the one that was left longer ago.
        Assert.Equal([0, 128, 0], SpreadPlanner.Solve(new PackingProblem(turns, 256), [])!.Offsets);
        Assert.Equal([0, 0, 0], SpreadPlanner.Solve(new PackingProblem(turns, 128), [])!.Offsets);
        Assert.Null(SpreadPlanner.Solve(new PackingProblem(turns, 64), []));
    }

    /// <summary>What a round of a loop uses last is near to what the next one uses first.</summary>
    [Fact]
    public void Rounds_of_a_loop_follow_each_other()
    {
        PackedBuffer[] turns = [new("begin", new(0, 2), 128), new("middle", new(3, 6), 128), new("end", new(8, 10), 128)];
        Assert.Equal([0, 128, 0], SpreadPlanner.Solve(new PackingProblem(turns, 256), [])!.Offsets);
        Assert.Equal([0, 128, 128], SpreadPlanner.Solve(new PackingProblem(turns, 256), [new Lifespan(0, 10)])!.Offsets);
    }
}
