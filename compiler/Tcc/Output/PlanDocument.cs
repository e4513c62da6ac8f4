using TransformerCc.Compiler.MemoryPlanning;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc plan-memory</c> found.</summary>
/// <param name="Capacity">Bytes of the memory.</param>
/// <param name="Peak">Bytes that the plan takes.</param>
/// <param name="LowerBound">Bytes that no plan needs less than.</param>
/// <param name="SearchSteps">Nodes of the exact search; null where first fit was enough.</param>
internal sealed record PlanDocument(long Capacity, long Peak, long LowerBound, long? SearchSteps, IReadOnlyList<PlacedBufferDocument> Buffers)
{
    public static PlanDocument Of(PackingProblem problem, PackingSolution solution, SearchResult? search) => new(problem.Capacity, solution.Peak(problem), problem.LivePeak(), search?.Steps,
        [.. problem.Buffers.Select((b, i) => new PlacedBufferDocument(b.Id, b.Lifespan.Lower, b.Lifespan.Upper, b.Size, solution.Offsets[i]))]);
}

/// <param name="Lower">First step of the buffer's life.</param>
/// <param name="Upper">One past the last.</param>
internal sealed record PlacedBufferDocument(string Id, int Lower, int Upper, long Size, long Offset);
