using FsCheck.Xunit;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Isa;

namespace TransformerCc.Tests.MemoryPlanning;

/// <summary>The exact planner: right where a brute-force search is, and able to solve the benchmarks.</summary>
public sealed class BranchAndBoundTests
{
    private const long Unlimited = 10_000_000;

    [Property(MaxTest = 300)]
    public bool Plans_pass_the_checker(int seed)
    {
        PackingProblem problem = RandomProblems.Make(seed);
        PackingProblem tight = problem with { Capacity = long.Max(1, (problem.LivePeak() + FirstFitPlanner.Solve(problem).Peak(problem)) / 2) };
        SearchResult result = BranchAndBoundPlanner.Solve(tight, 5000);
        return result.Solution is not { } solution || PlanChecker.Check(tight, solution, "asp").Count == 0;
    }

    [Fact]
    public void A_buffer_larger_than_the_memory_does_not_fit_even_where_it_never_lives() =>
        Assert.Equal(SearchOutcome.Impossible, BranchAndBoundPlanner.Solve(new PackingProblem([new("a", new(3, 3), 128)], 64), Unlimited).Outcome);

    /// <summary>Every offset of every buffer is tried for problems of up to six small buffers.</summary>
    [Property(MaxTest = 200)]
    public bool Finds_a_plan_exactly_where_there_is_one(int seed)
    {
        var random = new Random(seed);
        var problem = new PackingProblem([.. Enumerable.Range(0, random.Next(1, 7)).Select(i => random.Next(0, 5) is var from ? new PackedBuffer($"b{i}", new(from, from + random.Next(1, 4)), random.Next(0, 5), random.Next(1, 3)) : null!)], random.Next(4, 9));
        SearchResult result = BranchAndBoundPlanner.Solve(problem, Unlimited);
        return result.Outcome == (Exists(problem, new long[problem.Buffers.Count], 0) ? SearchOutcome.Solved : SearchOutcome.Impossible)
            && (result.Solution is null || PlanChecker.Check(problem, result.Solution, "asp").Count == 0);
    }

    [Fact]
    public void A_budget_ends_the_search_undecided_at_the_same_step()
    {
        PackingProblem problem = RandomProblems.Make(5) with { Capacity = RandomProblems.Make(5).LivePeak() };
        SearchResult first = BranchAndBoundPlanner.Solve(problem, 1), second = BranchAndBoundPlanner.Solve(problem, 1);
        Assert.Equal(SearchOutcome.Undecided, first.Outcome);
        Assert.Equal(first, second);
    }

    [Property(MaxTest = 100)]
    public bool The_planner_is_never_worse_than_first_fit(int seed)
    {
        PackingProblem problem = RandomProblems.Make(seed);
        PackingSolution solution = PackingPlanner.Solve(problem, 2000);
        return solution.Peak(problem) <= FirstFitPlanner.Solve(problem).Peak(problem) && PlanChecker.Check(problem with { Capacity = solution.Peak(problem) }, solution, "asp").Count == 0;
    }

    [DataTheory("allocation")]
    [InlineData("C")]
    [InlineData("E")]
    [InlineData("G")]
    [InlineData("I")]
    [InlineData("K")]
    public void Benchmarks_of_MiniMalloc_are_solved(string name)
    {
        PackingProblem problem = PackingFile.Read(TestData.Get($"allocation/{name}.1048576.csv"), 1 << 20);
        SearchResult result = BranchAndBoundPlanner.Solve(problem, Unlimited);
        Assert.Equal(SearchOutcome.Solved, result.Outcome);
        Assert.Empty(PlanChecker.Check(problem, result.Solution!, "memory"));
    }

    [Theory]
    [InlineData("a,0,1")]
    [InlineData("a,1,1,5")]
    [InlineData("a,-1,1,5")]
    [InlineData("a,0,1,-5")]
    [InlineData("a,0,1,9223372036854775807")]
    [InlineData("a,0,99999999999,5")]
    [InlineData(",0,1,5")]
    [InlineData("a,0,1,5\na,0,1,5")]
    public void Lines_that_are_no_buffers_are_refused(string text)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "id,lower,upper,size\n" + text);
            DiagnosticException refused = Assert.Throws<DiagnosticException>(() => PackingFile.Read(path, 100));
            Assert.All(refused.Diagnostics, d => Assert.Equal("TCC3120", d.Code));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static bool Exists(PackingProblem problem, long[] offsets, int next)
    {
        if (next == offsets.Length)
        {
            return true;
        }
        PackedBuffer b = problem.Buffers[next];
        for (long offset = 0; offset + b.Size <= problem.Capacity; offset += b.Alignment)
        {
            offsets[next] = offset;
            bool free = Enumerable.Range(0, next).All(i => problem.Buffers[i] is var other && (!other.Lifespan.Overlaps(b.Lifespan) || other.Size == 0 || b.Size == 0 || offsets[i] + other.Size <= offset || offset + b.Size <= offsets[i]));
            if (free && Exists(problem, offsets, next + 1))
            {
                return true;
            }
        }
        return false;
    }
}
