using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using TransformerCc.Compiler.MemoryPlanning;
using TransformerCc.Isa;
using TransformerCc.Tool.Output;

namespace TransformerCc.Tool.Verbs;

/// <summary>Solves a memory planning problem from a file.</summary>
internal static class PlanMemoryVerb
{
    public static Verb Create(ToolContext tool)
    {
        var file = CommonOptions.File("FILE.csv", "The problem: id,lower,upper,size, one buffer a line; lifespans are half-open");
        var capacity = new Option<long>("--capacity") { Description = "Bytes of the memory", Required = true, HelpName = "BYTES" };
        var steps = new Option<long>("--steps") { Description = "Search nodes before giving up; never a time, so that the result is the same everywhere", DefaultValueFactory = _ => 50_000_000, HelpName = "N" };
        Option<bool> json = CommonOptions.Json();
        var verb = new Verb("plan-memory", "Place buffers with lifetimes in a memory: the planner of the compiler on a problem of its own.", "tcc plan-memory buffers.csv --capacity 1048576 > plan.csv") { file, capacity, steps, json };
        verb.SetAction(parse =>
        {
            tool.BeginPhase("plan memory", verbose: false);
            long bytes = parse.GetValue(capacity), budget = parse.GetValue(steps);
            if (bytes <= 0 || budget <= 0)
            {
                throw new DiagnosticException(Diagnostic.Error("TCC7015", "--capacity and --steps are positive numbers"), FailureKind.Usage);
            }
            PackingProblem problem = PackingFile.Read(parse.GetValue(file)!, bytes);
            long start = Stopwatch.GetTimestamp(), live = problem.LivePeak();
            PackingSolution solution = FirstFitPlanner.Solve(problem);
            SearchResult? search = null;
            if (solution.Peak(problem) > bytes && live <= bytes && problem.Buffers.Count <= PackingPlanner.MaxExactBuffers)
            {
                search = BranchAndBoundPlanner.Solve(problem, budget);
                solution = search.Solution ?? solution;
            }
            string effort = string.Create(CultureInfo.InvariantCulture, $"{(search is null ? "first fit" : $"{search.Steps} steps")}, {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s");
            if (solution.Peak(problem) > bytes)
            {
                string reason = live > bytes ? $"{live} bytes are alive at one step"
                    : search is { Outcome: SearchOutcome.Impossible } ? "the search has tried every plan"
                    : search is null ? $"first fit needs {solution.Peak(problem)} bytes, and {problem.Buffers.Count} buffers are too many for the exact search"
                    : $"none was found within {budget} steps; the best plan takes {solution.Peak(problem)} bytes";
                throw new DiagnosticException(Diagnostic.Error("TCC3121", FormattableString.Invariant($"no plan within {bytes} bytes: {reason}"), parse.GetValue(file), search is { Outcome: SearchOutcome.Undecided } ? "allow more --steps" : null), FailureKind.DoesNotFit);
            }
            if (PlanChecker.Check(problem, solution, "memory") is { HasErrors: true } wrong)
            {
                throw new InvalidOperationException(string.Join(Environment.NewLine, wrong));
            }
            if (parse.GetValue(json))
            {
                JsonText.Write(tool.Output, PlanDocument.Of(problem, solution, search), ToolJson.Default.PlanDocument);
                return 0;
            }
            tool.Output.Write(PackingFile.Write(problem, solution));
            tool.Error.WriteLine(FormattableString.Invariant($"{problem.Buffers.Count} buffers in {solution.Peak(problem)} of {bytes} bytes, no plan needs less than {live}; checked; {effort}"));
            return 0;
        });
        return verb;
    }
}
