using FsCheck.Xunit;
using TransformerCc.Compiler.MemoryPlanning;

namespace TransformerCc.Tests.MemoryPlanning;

/// <summary>Faults seeded into good plans are found.</summary>
public sealed class PlanCheckerTests
{
    private static readonly PackingProblem s_problem = new([new("a", new(0, 3), 128), new("b", new(2, 5), 64), new("c", new(3, 6), 128, 512)], 1024);

    [Theory]
    [InlineData("good", null, 0, 128, 512)]
    [InlineData("good: a and c do not meet", null, 0, 128, 0)]
    [InlineData("a and b overlap while both are alive", "TCC3104", 0, 64, 512)]
    [InlineData("the same place", "TCC3104", 0, 0, 512)]
    [InlineData("one inside the other", "TCC3104", 0, 64, 512)]
    [InlineData("b and c overlap", "TCC3104", 640, 512, 512)]
    [InlineData("off the line", "TCC3103", 0, 160, 512)]
    [InlineData("off the larger alignment", "TCC3103", 0, 128, 576)]
    [InlineData("ends beyond the capacity", "TCC3102", 960, 128, 512)]
    [InlineData("starts before the memory", "TCC3102", -64, 128, 512)]
    public void Plan_is_judged(string what, string? code, long a, long b, long c)
    {
        Assert.NotEmpty(what);
        Assert.Equal(code is null ? [] : [code], PlanChecker.Check(s_problem, new PackingSolution([a, b, c]), "asp").Select(d => d.Code));
    }

    [Fact]
    public void Plan_that_leaves_out_a_buffer_is_rejected() =>
        Assert.Equal("TCC3101", Assert.Single(PlanChecker.Check(s_problem, new PackingSolution([0, 128]), "asp")).Code);

    /// <summary>The checker against the definition, on plans that are mostly wrong.</summary>
    [Property(MaxTest = 300)]
    public bool Overlaps_are_those_of_the_definition(int seed)
    {
        PackingProblem problem = RandomProblems.Make(seed);
        var random = new Random(seed);
        var offsets = problem.Buffers.Select(b => random.Next(0, 200) * b.Alignment).ToList();
        var expected = new List<string>();
        for (int i = 0; i < offsets.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                (PackedBuffer x, PackedBuffer y) = (problem.Buffers[i], problem.Buffers[j]);
                bool together = int.Max(x.Lifespan.Lower, y.Lifespan.Lower) < int.Min(x.Lifespan.Upper, y.Lifespan.Upper);
                if (together && long.Max(offsets[i], offsets[j]) < long.Min(offsets[i] + x.Size, offsets[j] + y.Size))
                {
                    expected.Add($"{j} {i}");
                }
            }
        }
        IEnumerable<string> found = PlanChecker.Check(problem, new PackingSolution(offsets), "asp").Where(d => d.Code == "TCC3104").Select(d =>
        {
            int[] pair = [.. d.Message.Split(' ').Where(w => w.Length > 1 && w[0] == 'b' && int.TryParse(w[1..], out _)).Select(w => int.Parse(w[1..], System.Globalization.CultureInfo.InvariantCulture)).Order()];
            return $"{pair[0]} {pair[1]}";
        });
        return expected.Order().SequenceEqual(found.Order());
    }
}
