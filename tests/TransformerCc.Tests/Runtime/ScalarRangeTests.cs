using FsCheck.Xunit;
using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Checking;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Tests.Runtime;

public sealed class ScalarRangeTests
{
    [Property(MaxTest = 20_000)]
    public void Ranges_contain_what_the_sequencer_computes(int seed)
    {
        var random = new Random(seed);
        ScalarOp op = (ScalarOp)random.Next((int)ScalarOp.Le + 1);
        (ScalarRange ra, long a) = Next(random);
        (ScalarRange rb, long b) = Next(random);
        if (b == 0 && op is ScalarOp.Div or ScalarOp.CeilDiv or ScalarOp.Mod)
        {
            return;
        }
        ScalarRange range = ScalarRange.Compute(op, ra, rb);
        Assert.InRange(ScalarUnit.Compute(op, a, b), range.Lower, range.Upper);
    }

    /// <summary>A range and a value in it: small, at the ends of 64 bits, exact, positive or not.</summary>
    private static (ScalarRange Range, long Value) Next(Random random)
    {
        long width = 1L << random.Next(1, random.Next(2) == 0 ? 8 : 63), value = random.NextInt64(-width, width);
        value = random.Next(8) switch { 0 => long.MaxValue - random.Next(3), 1 => long.MinValue + random.Next(3), 2 => random.Next(70), _ => value };
        long below = random.Next(2) * random.NextInt64(0, width), above = random.Next(2) * random.NextInt64(0, width);
        return (new(value < long.MinValue + below ? long.MinValue : value - below, value > long.MaxValue - above ? long.MaxValue : value + above), value);
    }
}
