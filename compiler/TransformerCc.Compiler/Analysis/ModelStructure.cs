using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;
using MatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Compiler.Analysis;

/// <summary>Feed-forward blocks that are alike: up to <paramref name="Hidden"/> columns, an activation, and down again.</summary>
/// <param name="Gated">act(gate)·up, as in SwiGLU and GeGLU, instead of act(up).</param>
public sealed record FeedForwardGroup(bool Gated, UnaryOp Activation, long Hidden)
{
    public int Count { get; init; } = 1;
}

/// <summary>A table of which rows are looked up.</summary>
public sealed record EmbeddingTable(string Name, long Rows, long Width);

/// <summary>Convolutions that are alike.</summary>
public sealed record ConvolutionGroup(int Dimensions, string Kernel, string Strides, long Channels, long Filters)
{
    public int Count { get; init; } = 1;
}

/// <summary>What an optimised graph consists of, in the terms of people who build transformers.</summary>
/// <param name="Layers">Self-attentions, or cross attentions where there are no others.</param>
public sealed record ModelStructure(
    int Layers, IReadOnlyList<AttentionGroup> Attention, IReadOnlyList<FeedForwardGroup> FeedForward, IReadOnlyList<EmbeddingTable> Embeddings, IReadOnlyList<ConvolutionGroup> Convolutions)
{
    /// <summary>Operators between an activation and the product behind it.</summary>
    private const int MaximumMoves = 4;

    public static ModelStructure Of(Graph graph)
    {
        IReadOnlyList<AttentionGroup> attention = AttentionGroup.Of(graph);
        int cross = attention.Where(a => a.Reach == AttentionReach.Cross).Sum(a => a.Count), all = attention.Sum(a => a.Count);
        return new ModelStructure(all > cross ? all - cross : cross, attention, FeedForwardBlocks(graph), EmbeddingTables(graph), Stems(graph));
    }

    private static FeedForwardGroup[] FeedForwardBlocks(Graph graph)
    {
        var found = new List<FeedForwardGroup>();
        Dictionary<Value, List<Node>> uses = graph.Uses();
        foreach (Node node in graph.Nodes)
        {
            (bool gated, UnaryOp? activation) = node.Op switch
            {
                Gated g => (true, g.Activation),
                Linear { Activation: { } a } => (false, a),
                Unary { Function: UnaryOp.Relu or UnaryOp.GeluErf or UnaryOp.GeluTanh or UnaryOp.GeluQuick or UnaryOp.Silu } u => (false, u.Function),
                _ => (false, (UnaryOp?)null),
            };
            // Down again to as many columns as it came from: a pooler or a head is no feed-forward block.
            if (activation is { } function && node.Output.Type.Rank > 0 && node.Output.Type.Shape.Last.ConstantValue is { } hidden
                && DownWidths(node.Output, uses, MaximumMoves) is { Count: > 0 } down && (InputWidth(node) is not { } width || down.Contains(width)))
            {
                found.Add(new FeedForwardGroup(gated, function, hidden));
            }
        }
        return [.. found.GroupBy(f => f).Select(g => g.Key with { Count = g.Count() })];
    }

    /// <summary>Columns of what was projected up; null when that is not seen.</summary>
    private static long? InputWidth(Node node)
    {
        for (Node? at = node; at is not null; at = at.Inputs.Find(v => !v.IsConstant)?.Producer)
        {
            if (IsProjection(at))
            {
                return at.Inputs[0].Type.Shape.Last.ConstantValue;
            }
            if (at.Op is not (Gated or Unary or Binary or Reshape or Slice or Cast))
            {
                return null;
            }
        }
        return null;
    }

    /// <summary>Columns of the products with weights that read a value, directly or moved.</summary>
    private static HashSet<long> DownWidths(Value value, Dictionary<Value, List<Node>> uses, int moves)
    {
        var widths = new HashSet<long>();
        foreach (Node use in uses.GetValueOrDefault(value, []))
        {
            if (IsProjection(use) && ReferenceEquals(use.Inputs[0], value))
            {
                widths.Add(use.Output.Type.Shape.Last.ConstantValue ?? 0);
            }
            else if (moves > 0 && use.Op is (Reshape or Cast or Norm))
            {
                widths.UnionWith(DownWidths(use.Output, uses, moves - 1));
            }
        }
        return widths;
    }

    private static bool IsProjection(Node node) => node.Op is Linear || (node.Op is MatMul && Match.IsWeight(node.Inputs[1]));

    private static EmbeddingTable[] EmbeddingTables(Graph graph) =>
    [
        .. graph.Nodes.Where(n => n.Op is Gather { Axis: 0 } && n.Inputs[0] is { IsConstant: true, Type.Rank: 2 } table && n.Output.Type.Element.IsFloat() && !n.Inputs[1].IsConstant)
            .DistinctBy(n => n.Inputs[0]).Select(n => new EmbeddingTable(n.Inputs[0].Name, n.Inputs[0].ConstantData!.Shape[0], n.Output.Type.Shape.Last.ConstantValue ?? 0)),
    ];

    private static ConvolutionGroup[] Stems(Graph graph)
    {
        static string Sizes(IEnumerable<string> sizes) => string.Join('x', sizes);
        return
        [
            .. graph.Nodes.Where(n => n.Op is Conv).Select(n => new ConvolutionGroup(n.Inputs[0].Type.Rank - 2, Sizes(n.Inputs[1].Type.Shape.Skip(2).Select(d => d.ToString())),
                Sizes(((Conv)n.Op).Strides.Select(s => s.ToString(System.Globalization.CultureInfo.InvariantCulture))),
                n.Inputs[0].Type.Shape[1].ConstantValue ?? 0, n.Inputs[1].Type.Shape[0].ConstantValue ?? 0))
                .GroupBy(c => c).Select(g => g.Key with { Count = g.Count() }),
        ];
    }
}
