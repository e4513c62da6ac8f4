using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using GraphMatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>How many operators of each fused kind a graph holds, and what was not fused.</summary>
public sealed record GraphSummary
{
    public required int Nodes { get; init; }

    public required int Attention { get; init; }

    /// <summary>Of these, with a causal limit instead of a mask.</summary>
    public required int CausalAttention { get; init; }

    /// <summary>Of these, with fewer key heads than query heads.</summary>
    public required int GroupedAttention { get; init; }

    public required int LayerNorm { get; init; }

    public required int RmsNorm { get; init; }

    public required int Rope { get; init; }

    /// <summary>GELU of every kind, also inside linear operators and gated units.</summary>
    public required int Gelu { get; init; }

    /// <summary>SiLU, also inside linear operators and gated units.</summary>
    public required int Silu { get; init; }

    public required int Gated { get; init; }

    public required int Linear { get; init; }

    /// <summary>Products that are neither linear nor attention.</summary>
    public required int MatMul { get; init; }

    /// <summary>Softmaxes over a product of two activations: attention that was not recognised.</summary>
    public required int ScoreSoftmax { get; init; }

    public static GraphSummary Count(Graph graph)
    {
        int Of(Func<Node, bool> predicate) => graph.Nodes.Count(predicate);
        return new GraphSummary
        {
            Nodes = graph.Nodes.Count,
            Attention = Of(n => n.Op is CachedAttention || n.Op is Attention),
            CausalAttention = Of(n => n.Op is Attention { CausalOffset: not null } or CachedAttention),
            GroupedAttention = Of(n => (n.Op is Attention op && n.Inputs[0].Type.Shape[op.Query.Axes().Head] != n.Inputs[1].Type.Shape[op.Key.Axes().Head])
                || (n.Op is CachedAttention cached && n.Inputs[0].Type.Shape[cached.Query.Axes().Head] != n.Inputs[1].Type.Shape[1])),
            LayerNorm = Of(n => n.Op is Norm { Kind: NormKind.Layer }),
            RmsNorm = Of(n => n.Op is Norm { Kind: NormKind.Rms }),
            Rope = Of(n => n.Op is Rope),
            Gelu = Of(n => ActivationOf(n.Op) is UnaryOp.GeluErf or UnaryOp.GeluTanh or UnaryOp.GeluQuick),
            Silu = Of(n => ActivationOf(n.Op) is UnaryOp.Silu),
            Gated = Of(n => n.Op is Gated),
            Linear = Of(n => n.Op is Linear),
            MatMul = Of(n => n.Op is GraphMatMul),
            ScoreSoftmax = Of(n => n.Op is Softmax && IsOverScores(n.Inputs[0])),
        };
    }

    private static UnaryOp? ActivationOf(Operator op) => op switch
    {
        Unary unary => unary.Function,
        Linear linear => linear.Activation,
        Conv conv => conv.Activation,
        Gated gated => gated.Activation,
        _ => null,
    };

    /// <summary>Whether a product of two values that are no constants reaches here through operators that keep its matrices.</summary>
    private static bool IsOverScores(Value value)
    {
        var seen = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        var work = new Stack<Value>([value]);
        while (work.TryPop(out Value? at))
        {
            if (at.Producer is not { } node || !seen.Add(at))
            {
                continue;
            }
            switch (node.Op)
            {
                case GraphMatMul:
                    if (!node.Inputs.Exists(v => v.IsConstant || Match.IsWeight(v)))
                    {
                        return true;
                    }
                    break;
                case Unary or Binary or Select or Cast or Reshape or Transpose or Slice or Concat or Broadcast:
                    node.Inputs.ForEach(work.Push);
                    break;
            }
        }
        return false;
    }
}
