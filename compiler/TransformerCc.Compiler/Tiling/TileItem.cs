using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What is lowered at once: operators that share a loop over rows, or one operator alone.</summary>
/// <param name="Region">Null for an operator alone.</param>
/// <param name="Run">The loop of layers around it.</param>
internal sealed record TileItem(RowRegion? Region, IReadOnlyList<Node> Nodes, LayerRun? Run)
{
    /// <summary>The operators in an order of items, loops of layers as the items of one iteration; reshapes are none.</summary>
    public static List<TileItem> Partition(IReadOnlyList<LoweringStep> steps, ValueStorage storage)
    {
        var items = new List<TileItem>();
        var nodes = new List<Node>();
        foreach (LoweringStep step in steps)
        {
            if (step.Node is { } node)
            {
                nodes.Add(node);
                continue;
            }
            items.AddRange(Partition(nodes, null, storage));
            nodes.Clear();
            items.AddRange(Partition(step.Run!.Body, step.Run, storage));
        }
        items.AddRange(Partition(nodes, null, storage));
        return items;
    }

    private static List<TileItem> Partition(IEnumerable<Node> nodes, LayerRun? run, ValueStorage storage)
    {
        var items = new List<TileItem>();
        RowRegion? region = null;
        foreach (Node node in nodes)
        {
            if (node.Op is Reshape || region?.TryJoin(node) == true)
            {
                continue;
            }
            RowRegion? next = RowRegion.Start(node);
            if (next is null && region?.Feeds(node) != true && !storage.WritesCarried(node))
            {
                // Nothing of the open region is needed: the operator goes before it.
                items.Add(new TileItem(null, [node], run));
                continue;
            }
            Close();
            region = next;
            if (next is null)
            {
                items.Add(new TileItem(null, [node], run));
            }
        }
        Close();
        return items;

        void Close()
        {
            if (region is not null)
            {
                items.Add(new TileItem(region, [.. region.Members.Select(m => m.Node)], run));
            }
        }
    }
}
