using TransformerCc.Compiler;

namespace TransformerCc.Tests.Tiling;

/// <summary>
/// Each lowering computes what the reference evaluator says, whatever the chip, the precision and the lengths, and its
/// program has neither race nor uninitialised read nor possible deadlock.
/// </summary>
public sealed class CompiledGraphTests
{
    public static TheoryData<string, string, string> Cases()
    {
        var cases = new TheoryData<string, string, string>();
        foreach (SmallGraph graph in SmallGraphs.All)
        {
            foreach (string chip in new[] { "tx1", "tx1-edge", TestChips.Tiny.Name })
            {
                cases.Add(graph.Name, chip, "F32");
                cases.Add(graph.Name, chip, "BF16");
            }
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Program_agrees_with_the_reference(string name, string chip, string precision)
    {
        SmallGraph small = SmallGraphs.Named(name);
        CompiledAgreement.Check(small.Parse(), TestChips.Of(chip), Enum.Parse<Precision>(precision), small.EachSize(), seed: 1);
    }
}
