using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using MatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// What stands between the product of queries and keys and the softmax over it: a scale, perhaps a soft cap, then masks.
/// Positions of a mask that hides by a number count as hidden when that number is so low that no score reaches over it.
/// </summary>
internal sealed class ScoreChain
{
    /// <summary>exp(−104) rounds to 0 in f32; scores of a trained model stay far within the remaining distance.</summary>
    private const double Hidden = -1e4;

    /// <summary>Half a unit in the last place of this number in f32 is 2¹⁹, beyond every score.</summary>
    private const double Absorbing = -1e13;

    private const int Depth = 12;

    private readonly Graph _graph;
    private readonly CausalSteps _steps;

    private ScoreChain(Graph graph, CausalSteps steps) => (_graph, _steps) = (graph, steps);

    /// <summary>The matmul of queries and keys.</summary>
    public Node Product { get; private set; } = null!;

    public double Scale { get; private set; } = 1;

    /// <summary>Scaled scores become cap·tanh(score / cap) ahead of the masks; 0 for none.</summary>
    public double SoftCap { get; private set; }

    /// <summary>Key j is visible to query i where j ≤ i + CausalOffset.</summary>
    public DimExpr? CausalOffset { get; private set; }

    /// <summary>The masks other than a causal limit, outermost first.</summary>
    public List<ScoreMask> Masks { get; } = [];

    /// <summary>A shape of four dimensions that the scores had somewhere on the way: it tells batch and heads apart.</summary>
    public EquatableArray<DimExpr>? HeadShape { get; private set; }

    public static ScoreChain? Follow(Value scores, Graph graph, CausalSteps steps)
    {
        var chain = new ScoreChain(graph, steps);
        Value? at = scores;
        for (int i = 0; i < Depth && at is not null; i++)
        {
            if (at.Type.Rank == 4)
            {
                chain.HeadShape ??= at.Type.Shape;
            }
            if (at.Producer is { Op: MatMul } product)
            {
                chain.Product = product;
                return product.Inputs.Exists(v => v.IsConstant || Match.IsWeight(v)) ? null : chain;
            }
            at = chain.Peel(at);
        }
        return null;
    }

    /// <summary>The value that the outermost operator was applied to, or null where it does not belong here.</summary>
    private Value? Peel(Value at)
    {
        if (at.Producer is not { } node)
        {
            return null;
        }
        bool maskFits = SoftCap == 0;
        switch (node.Op)
        {
            case Cast when node.Inputs[0].Type.Element == at.Type.Element:
                return node.Inputs[0];
            case Reshape when SameMatrix(node.Inputs[0].Type.Shape, at.Type.Shape):
                return node.Inputs[0];
            case Unary { Function: UnaryOp.SoftCap } cap when maskFits && Scale == 1:
                SoftCap = cap.Parameter;
                return node.Inputs[0];
            case Binary { Function: BinaryOp.Mul or BinaryOp.Div } when Match.Scaled(at, out Value x, out double factor):
                if (maskFits && Scale == 1 && factor > 0 && Match.Unary(x, UnaryOp.Tanh, out Value inner))
                {
                    // factor·tanh(y) = cap·tanh((factor·y) / cap)
                    (SoftCap, Scale) = (factor, factor);
                    return inner;
                }
                Scale *= factor;
                return x;
            case Binary { Function: BinaryOp.Add } when maskFits:
                int scores = LeadsToProduct(node.Inputs[0], at) ? 0 : LeadsToProduct(node.Inputs[1], at) ? 1 : -1;
                return scores >= 0 && Add(node.Inputs[1 - scores], at) ? node.Inputs[scores] : null;
            case Select when maskFits:
                return Choose(node, at);
            default:
                return null;
        }
    }

    private bool Add(Value mask, Value at)
    {
        if (_steps.Of(mask) is { } step && double.IsFinite(step.Inside) && (step.Outside - step.Inside) * Scale <= Hidden && Causal(step.Offset))
        {
            return true;
        }
        Masks.Add(new ScoreMask(mask, MaskKind.Additive, Hides: false, at.Type.Shape) { Factor = Scale });
        return true;
    }

    private Value? Choose(Node node, Value at)
    {
        (Value condition, Value whenTrue, Value whenFalse) = (node.Inputs[0], node.Inputs[1], node.Inputs[2]);
        bool hides = Match.Uniform(whenTrue) is not null;
        Value scores = hides ? whenFalse : whenTrue;
        if (Match.Uniform(hides ? whenTrue : whenFalse) is not { } fill || !(fill * Scale <= Hidden) || scores.Type != at.Type)
        {
            return null;
        }
        if (_steps.Of(condition) is { } step && (step.Inside != 0) != (step.Outside != 0) && (step.Outside != 0) == hides)
        {
            return Causal(step.Offset) ? scores : null;
        }
        // A row that a finite number fills is uniform, a row that −∞ fills has no meaning: only the latter may become 0.
        // Where no score changes the number by adding to it, filling is adding.
        if (!double.IsNegativeInfinity(fill) && fill * Scale > Absorbing)
        {
            return null;
        }
        Masks.Add(new ScoreMask(condition, double.IsNegativeInfinity(fill) ? MaskKind.Boolean : MaskKind.Additive, hides, at.Type.Shape) { Fill = fill * Scale });
        return scores;
    }

    /// <summary>Two causal masks hide what either hides. Every query must see a key: the first sees keys 0 … offset.</summary>
    private bool Causal(DimExpr offset)
    {
        if (offset.Bounds(_graph.Dimensions).Lower < 0)
        {
            return false;
        }
        CausalOffset = CausalOffset is null ? offset : DimExpr.Min(CausalOffset, offset);
        return true;
    }

    private static bool LeadsToProduct(Value value, Value at)
    {
        if (value.Type != at.Type)
        {
            return false;
        }
        for (int i = 0; i < Depth && value.Producer is { } node; i++)
        {
            switch (node.Op)
            {
                case MatMul:
                    return true;
                case Reshape or Cast or Unary { Function: UnaryOp.Tanh or UnaryOp.SoftCap }:
                    value = node.Inputs[0];
                    break;
                case Select:
                    value = node.Inputs[Match.Uniform(node.Inputs[1]) is null ? 1 : 2];
                    break;
                case Binary { Function: BinaryOp.Mul or BinaryOp.Div } when Match.Scaled(value, out Value x, out _):
                    value = x;
                    break;
                case Binary { Function: BinaryOp.Add }:
                    value = LeadsToProduct(node.Inputs[0], value) ? node.Inputs[0] : node.Inputs[1];
                    break;
                default:
                    return false;
            }
        }
        return false;
    }

    private static bool SameMatrix(EquatableArray<DimExpr> a, EquatableArray<DimExpr> b) =>
        a.Count >= 2 && b.Count >= 2 && a.Last == b.Last && a[a.Count - 2] == b[b.Count - 2];
}

/// <param name="Hides">For a boolean mask: whether true hides.</param>
/// <param name="Scores">The shape of the scores where the mask meets them.</param>
internal sealed record ScoreMask(Value Mask, MaskKind Kind, bool Hides, EquatableArray<DimExpr> Scores)
{
    /// <summary>What scales scores and mask together.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>What takes the place of hidden scores.</summary>
    public double Fill { get; init; } = double.NegativeInfinity;
}
