using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;

namespace TransformerCc.Compiler.MemoryPlanning;

/// <summary>Where every buffer lies, and how well each memory is used.</summary>
public sealed class MemoryPlan
{
    public Dictionary<TileBuffer, long> Offsets { get; } = [];

    public List<MemoryUse> Use { get; } = [];
}

/// <param name="Peak">Bytes that a plan needs; where there are more, buffers are spread over them.</param>
/// <param name="LowerBound">Live peak: no plan needs less.</param>
/// <param name="Reserved">Bytes in front of the planned part (the weight ring).</param>
public sealed record MemoryUse(MemorySpace Space, long Peak, long LowerBound, long Reserved, long Capacity);

/// <summary>Places the buffers of a tile program in the scratchpads; the weight ring comes first in WSP.</summary>
public static class MemoryPlanner
{
    /// <summary>Search nodes for a plan that first fit does not find: a second at most, at the sizes of a tile program.</summary>
    private const long ExactSteps = 20_000;

    private static readonly MemorySpace[] s_spaces = [MemorySpace.Asp, MemorySpace.Acc, MemorySpace.Wsp];

    /// <summary>Throws a <see cref="DiagnosticException"/> that names the buffers alive at the fullest step when a memory is too small.</summary>
    public static MemoryPlan Place(TileProgram program, ChipDescription chip)
    {
        var plan = new MemoryPlan();
        long ring = 0;
        foreach (TileBuffer slot in program.Ring)
        {
            plan.Offsets[slot] = ring;
            ring += slot.Bytes;
        }
        var failures = new DiagnosticList();
        Dictionary<TileBuffer, Lifespan> lifespans = Lifespans(program.Body);
        foreach (MemorySpace space in s_spaces)
        {
            long reserved = space == MemorySpace.Wsp ? ring : 0;
            (PackingProblem problem, List<TileBuffer> buffers) = Problem(lifespans, chip, space, reserved);
            PackingSolution solution = PackingPlanner.Solve(problem, ExactSteps);
            plan.Use.Add(new MemoryUse(space, solution.Peak(problem), problem.LivePeak(), reserved, chip.Capacity(space)));
            if (solution.Peak(problem) > problem.Capacity)
            {
                failures.Add(DoesNotFit(problem, solution, space));
                continue;
            }
            solution = SpreadPlanner.Solve(problem, Loops(program.Body)) ?? solution;
            DiagnosticList wrong = PlanChecker.Check(problem, solution, space.ToString());
            if (wrong.HasErrors)
            {
                throw new InvalidOperationException(string.Join(Environment.NewLine, wrong));
            }
            for (int i = 0; i < buffers.Count; i++)
            {
                plan.Offsets[buffers[i]] = solution.Offsets[i] + reserved;
            }
        }
        return failures.HasErrors ? throw new DiagnosticException(failures, FailureKind.DoesNotFit) : plan;
    }

    /// <summary>Whether a block alone could be placed: asked by tiling before it settles on a size.</summary>
    /// <param name="reservedAsp">Bytes of ASP that others hold.</param>
    public static bool Fits(TileBlock block, ChipDescription chip, long ringBytes, long reservedAsp = 0)
    {
        Dictionary<TileBuffer, Lifespan> lifespans = Lifespans(block);
        return Array.TrueForAll(s_spaces, space =>
        {
            (PackingProblem problem, _) = Problem(lifespans, chip, space, space switch { MemorySpace.Wsp => ringBytes, MemorySpace.Asp => reservedAsp, _ => 0 });
            return PackingPlanner.Fits(problem, ExactSteps);
        });
    }

    /// <summary>The buffers of a block in one memory.</summary>
    /// <param name="reserved">Bytes of the memory that are not to plan.</param>
    public static (PackingProblem Problem, List<TileBuffer> Buffers) Problem(TileBlock body, ChipDescription chip, MemorySpace space, long reserved) => Problem(Lifespans(body), chip, space, reserved);

    private static (PackingProblem Problem, List<TileBuffer> Buffers) Problem(Dictionary<TileBuffer, Lifespan> lifespans, ChipDescription chip, MemorySpace space, long reserved)
    {
        var buffers = lifespans.Keys.Where(b => b.Space == space).ToList();
        long alignment = space == MemorySpace.Acc ? Lines.AccumulatorRowBytes : Lines.Bytes;
        return (new PackingProblem([.. buffers.Select(b => new PackedBuffer(b.Name, lifespans[b], b.Bytes, alignment))], chip.Capacity(space) - reserved), buffers);
    }

    /// <summary>
    /// Lifetimes from the structure: a buffer lives from the first to the last node of its declaring block that touches
    /// it, and a loop is one node, so what a loop carries lives through all iterations. What lives in its block shares its
    /// place with nothing there.
    /// </summary>
    private static Dictionary<TileBuffer, Lifespan> Lifespans(TileBlock body)
    {
        var lifespans = new Dictionary<TileBuffer, Lifespan>();
        int step = 0;
        Walk(body, lifespans, ref step);
        return lifespans;
    }

    private static void Walk(TileBlock block, Dictionary<TileBuffer, Lifespan> lifespans, ref int step)
    {
        var declared = new HashSet<TileBuffer>(block.Buffers);
        int first = step;
        foreach (TileNode node in block.Nodes)
        {
            int start = step;
            if (node is TileLoop loop)
            {
                Walk(loop.Body, lifespans, ref step);
            }
            step++;
            Touch(node, declared, new Lifespan(start, step), lifespans);
        }
        foreach (TileBuffer buffer in block.Buffers.Where(b => b.LivesInBlock && lifespans.ContainsKey(b)))
        {
            lifespans[buffer] = new Lifespan(first, step);
        }
    }

    /// <summary>The steps of every loop.</summary>
    private static List<Lifespan> Loops(TileBlock body)
    {
        var loops = new List<Lifespan>();
        int step = 0;
        Walk(body);
        return loops;

        void Walk(TileBlock block)
        {
            foreach (TileNode node in block.Nodes)
            {
                if (node is TileLoop loop)
                {
                    int first = step;
                    Walk(loop.Body);
                    loops.Add(new Lifespan(first, step));
                }
                step++;
            }
        }
    }

    /// <summary>Extends the lifespans of the declared buffers that a node touches to the steps it takes.</summary>
    private static void Touch(TileNode node, HashSet<TileBuffer> declared, Lifespan steps, Dictionary<TileBuffer, Lifespan> lifespans)
    {
        if (node is TileLoop loop)
        {
            foreach (TileNode inner in loop.Body.Nodes)
            {
                Touch(inner, declared, steps, lifespans);
            }
        }
        else if (node is TileStatement statement)
        {
            for (int i = 0; i < statement.Operands.Count; i++)
            {
                TileBuffer? buffer = statement.Operands[i].Value switch { ScratchOperand p => p.Buffer, VectorTile v => v.Buffer, _ => null };
                if (buffer is not null && declared.Contains(buffer))
                {
                    lifespans[buffer] = lifespans.TryGetValue(buffer, out Lifespan known) ? known with { Upper = steps.Upper } : steps;
                }
            }
        }
    }

    private static Diagnostic DoesNotFit(PackingProblem problem, PackingSolution solution, MemorySpace space)
    {
        long missing = solution.Peak(problem) - problem.Capacity;
        int worst = Enumerable.Range(0, problem.Buffers.Count).MaxBy(i => solution.Offsets[i] + problem.Buffers[i].Size);
        int at = problem.Buffers[worst].Lifespan.Lower;
        IEnumerable<string> alive = problem.Buffers.Where(b => b.Lifespan.Lower <= at && at < b.Lifespan.Upper).OrderByDescending(b => b.Size).Take(8).Select(b => $"{b.Id} ({b.Size} bytes)");
        return Diagnostic.Error("TCC3110", $"{space.ToString().ToUpperInvariant()} of {problem.Capacity} bytes is too small by {missing} bytes at the smallest tile sizes; alive together: {string.Join(", ", alive)}",
            problem.Buffers[worst].Id, "bound the dimensions that size these buffers (--bind), or choose a chip with larger scratchpads");
    }
}
