using TransformerCc.Isa.Instructions;
using TransformerCc.Runtime.Emulation;

namespace TransformerCc.Runtime.Checking;

/// <summary>
/// The values that a scalar register may hold, both ends included: interval arithmetic over the sequencer's operations,
/// safe and not always tight. What could leave 64 bits, where the machine would wrap, is everything.
/// </summary>
internal readonly record struct ScalarRange(long Lower, long Upper)
{
    public static ScalarRange Everything { get; } = new(long.MinValue, long.MaxValue);

    public static ScalarRange Of(long value) => new(value, value);

    public bool IsExact => Lower == Upper;

    public ScalarRange Join(ScalarRange other) => new(long.Min(Lower, other.Lower), long.Max(Upper, other.Upper));

    public static ScalarRange Compute(ScalarOp op, ScalarRange a, ScalarRange b)
    {
        if (a.IsExact && b.IsExact && !(b.Lower == 0 && op is ScalarOp.Div or ScalarOp.CeilDiv or ScalarOp.Mod))
        {
            return Of(ScalarUnit.Compute(op, a.Lower, b.Lower));
        }
        return op switch
        {
            ScalarOp.Add => Of((Int128)a.Lower + b.Lower, (Int128)a.Upper + b.Upper),
            ScalarOp.Sub => Of((Int128)a.Lower - b.Upper, (Int128)a.Upper - b.Lower),
            ScalarOp.Mul => Corners(a, b, (x, y) => (Int128)x * y),
            // Monotone in the dividend, and in the divisor on either side of 0.
            ScalarOp.Div when b.Lower > 0 => Corners(a, b, (x, y) => ScalarUnit.Compute(ScalarOp.Div, x, y)),
            ScalarOp.CeilDiv when b.Lower > 0 => Corners(a, b, (x, y) => ScalarUnit.Compute(ScalarOp.CeilDiv, x, y)),
            ScalarOp.Mod when b.Lower > 0 => a.Lower >= 0 && a.Upper < b.Lower ? a : new(0, b.Upper - 1),
            ScalarOp.Min => new(long.Min(a.Lower, b.Lower), long.Min(a.Upper, b.Upper)),
            ScalarOp.Max => new(long.Max(a.Lower, b.Lower), long.Max(a.Upper, b.Upper)),
            ScalarOp.Shl when b is { IsExact: true, Lower: >= 0 and < 63 } => Corners(a, Of(1L << (int)b.Lower), (x, y) => (Int128)x * y),
            ScalarOp.Shr when b is { IsExact: true, Lower: >= 0 and < 64 } => new(a.Lower >> (int)b.Lower, a.Upper >> (int)b.Lower),
            ScalarOp.And when a.Lower >= 0 && b.Lower >= 0 => new(0, long.Min(a.Upper, b.Upper)),
            ScalarOp.Eq or ScalarOp.Ne or ScalarOp.Lt or ScalarOp.Le => Truth(op, a, b),
            _ => Everything,
        };
    }

    private static ScalarRange Truth(ScalarOp op, ScalarRange a, ScalarRange b) => op switch
    {
        ScalarOp.Lt when a.Upper < b.Lower => Of(1),
        ScalarOp.Lt when a.Lower >= b.Upper => Of(0),
        ScalarOp.Le when a.Upper <= b.Lower => Of(1),
        ScalarOp.Le when a.Lower > b.Upper => Of(0),
        _ => new(0, 1),
    };

    private static ScalarRange Of(Int128 lower, Int128 upper) =>
        lower < long.MinValue || upper > long.MaxValue ? Everything : new((long)lower, (long)upper);

    private static ScalarRange Corners(ScalarRange a, ScalarRange b, Func<long, long, Int128> function)
    {
        Int128 p = function(a.Lower, b.Lower), q = function(a.Lower, b.Upper), r = function(a.Upper, b.Lower), s = function(a.Upper, b.Upper);
        return Of(Int128.Min(Int128.Min(p, q), Int128.Min(r, s)), Int128.Max(Int128.Max(p, q), Int128.Max(r, s)));
    }
}
