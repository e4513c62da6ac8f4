using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.Analysis;

/// <summary>
/// The hidden states that queries or keys were projected from: the walk goes back through projections, norms, rotation and
/// data movement, and stops at anything else, such as a residual sum or an input.
/// </summary>
internal sealed class Origins
{
    private Origins() { }

    public HashSet<Value> Values { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>Whether rotary embedding lies on the way.</summary>
    public bool Rotated { get; private set; }

    public static Origins Of(Value value)
    {
        var origins = new Origins();
        var seen = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        var work = new Stack<Value>([value]);
        while (work.TryPop(out Value? at))
        {
            if (at.IsConstant || !seen.Add(at))
            {
                continue;
            }
            origins.Rotated |= at.Producer?.Op is Rope;
            Value[] before = [.. Before(at.Producer).Where(v => !v.IsConstant)];
            if (before.Length == 0)
            {
                origins.Values.Add(at);
            }
            foreach (Value operand in before)
            {
                work.Push(operand);
            }
        }
        return origins;
    }

    private static IEnumerable<Value> Before(Node? node) => node?.Op switch
    {
        Linear { HasResidual: false } or Rope or Norm or Reshape or Transpose or Slice or Broadcast or Cast or Gather => node.Inputs.Take(1),
        Concat => node.Inputs,
        // A bias, a scale, weights: one operand is data.
        Binary or MatMul when node.Inputs.Count(v => !v.IsConstant) == 1 => node.Inputs,
        _ => [],
    };
}
