namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>The best plan that a budget of steps finds: first fit, then the exact search from the live peak upwards.</summary>
public static class PackingPlanner
{
    /// <summary>Above it only first fit runs: the exact search keeps every pair of neighbours.</summary>
    public const int MaxExactBuffers = 4000;

    /// <summary>Attempts between the live peak and the plan at hand, each halfway nearer to the latter.</summary>
    private const int Attempts = 4;

    /// <summary>A plan whose peak is as low as the budget allows; it may exceed the capacity: the caller compares.</summary>
    /// <param name="steps">Search nodes for the exact search.</param>
    public static PackingSolution Solve(PackingProblem problem, long steps)
    {
        PackingSolution best = FirstFitPlanner.Solve(problem);
        long lower = problem.LivePeak(), peak = best.Peak(problem);
        for (int attempt = 0; attempt < Attempts && peak > lower && problem.Buffers.Count <= MaxExactBuffers; attempt++)
        {
            long target = attempt == 0 ? lower : lower + ((peak - lower) / 2);
            SearchResult result = BranchAndBoundPlanner.Solve(problem with { Capacity = target }, steps / Attempts);
            if (result.Solution is { } solution)
            {
                best = solution;
                peak = solution.Peak(problem);
            }
            else
            {
                lower = target + 1;
            }
        }
        return best;
    }

    /// <summary>Whether a plan within the capacity is found.</summary>
    /// <inheritdoc cref="Solve"/>
    public static bool Fits(PackingProblem problem, long steps) =>
        problem.LivePeak() <= problem.Capacity
        && (FirstFitPlanner.Solve(problem).Peak(problem) <= problem.Capacity
            || (problem.Buffers.Count <= MaxExactBuffers && BranchAndBoundPlanner.Solve(problem, steps / Attempts).Outcome == SearchOutcome.Solved));
}
