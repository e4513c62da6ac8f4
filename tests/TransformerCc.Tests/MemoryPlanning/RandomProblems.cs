using TransformerCc.Compiler.MemoryPlanning;

namespace TransformerCc.Tests.MemoryPlanning;

/// <summary>Seeded packing problems, empty lifetimes and sizes included.</summary>
internal static class RandomProblems
{
    public static PackingProblem Make(int seed)
    {
        var random = new Random(seed);
        int count = random.Next(0, 60), steps = random.Next(1, 40);
        long[] alignments = [64, 64, 512];
        return new PackingProblem([.. Enumerable.Range(0, count).Select(i =>
        {
            int lower = random.Next(steps), length = random.Next(0, 8);
            long alignment = alignments[random.Next(alignments.Length)];
            return new PackedBuffer($"b{i}", new Lifespan(lower, lower + length), random.Next(0, 40) * alignment, alignment);
        })], 1 << 30);
    }
}
