using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Linears over the same rows that are computed together: gate and up, whose blocks of columns meet in the gate without
/// leaving the accumulators, or projections of one input that share the arrays where their own columns do not fill them.
/// </summary>
/// <param name="Linears">In the order of the region.</param>
/// <param name="Gate">The operator that takes the results of two linears, the gate's first.</param>
internal sealed record LinearGroup(IReadOnlyList<(Node Node, RowForm Form)> Linears, (Node Node, RowForm Form)? Gate)
{
    /// <summary>For a linear of several blocks: the operator that asks for the place of the best element of each of its rows.</summary>
    public Dictionary<Node, (Node Node, RowForm Form)> Extremes { get; } = [];

    /// <summary>Whether an operator's result is there with those of the linears.</summary>
    public bool Computes(Node node) => Gate?.Node == node || (node.Op is Reduce && Extremes.Values.Any(e => e.Node == node));

    /// <summary>The group of each linear of a region; its first member in the order of the region computes all.</summary>
    public static Dictionary<Node, LinearGroup> Of(RowRegion region, TilingContext context)
    {
        var groups = new Dictionary<Node, LinearGroup>();
        foreach ((Node node, RowForm form) in region.Members)
        {
            if (node.Op is Gated && Find(region, node.Inputs[0]) is { } gate && Find(region, node.Inputs[1]) is { } up && gate.Node != up.Node
                && SameInput(gate.Node, up.Node) && !context.Storage.IsReadOutside(gate.Node.Output, [node]) && !context.Storage.IsReadOutside(up.Node.Output, [node]))
            {
                groups[gate.Node] = groups[up.Node] = new LinearGroup([gate, up], (node, form));
            }
        }
        (Node Node, RowForm Form)[] alone = [.. region.Members.Where(m => m.Node.Op is Linear { HasResidual: false } && !groups.ContainsKey(m.Node) && LeavesArraysIdle(m.Node, context))];
        foreach ((Node Node, RowForm Form)[] same in alone.GroupBy(m => m.Node.Inputs[0]).Select(g => g.ToArray()))
        {
            var group = new LinearGroup(same, null);
            foreach ((Node node, _) in same)
            {
                groups[node] = group;
            }
        }
        foreach ((Node node, RowForm form) in region.Members)
        {
            if (node.Op is Linear)
            {
                groups.TryAdd(node, new LinearGroup([(node, form)], null));
            }
            else if (node.Op is Reduce { Function: ReduceOp.ArgMax or ReduceOp.ArgMin } && node.Inputs[0].Producer is { Op: Linear linear } producer && groups.TryGetValue(producer, out LinearGroup? group)
                && PanelGeometry.Of(context, LinearLowering.Matrix(producer, linear)) is var geometry && geometry.Weights.Columns > geometry.Columns)
            {
                group.Extremes.TryAdd(producer, (node, form));
            }
        }
        return groups;
    }

    private static (Node Node, RowForm Form)? Find(RowRegion region, Value value) =>
        value.Producer is { Op: Linear { HasResidual: false } } linear && region.Members.Find(m => m.Node == linear) is { Node: not null } member ? member : null;

    private static bool SameInput(Node a, Node b) => a.Inputs[0] == b.Inputs[0];

    private static bool LeavesArraysIdle(Node node, TilingContext context) =>
        PanelProducts.Tiles(node.Output.Type.Shape.Last.ConstantValue ?? 0, context) % context.Chip.Matrix.Arrays != 0;
}
