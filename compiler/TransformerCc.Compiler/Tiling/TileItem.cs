using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.Tiling;

/// <summary>What is lowered at once: operators that share a loop over rows, or one operator alone.</summary>
/// <param name="Region">Null for an operator alone.</param>
internal sealed record TileItem(RowRegion? Region, IReadOnlyList<Node> Nodes)
{
    private static TileItem Of(RowRegion region) => new(region, [.. region.Members.Select(m => m.Node)]);

    /// <summary>The operators of a graph in an order of items; reshapes are none.</summary>
    public static List<TileItem> Partition(IEnumerable<Node> nodes)
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
            if (next is null && region?.Feeds(node) != true)
            {
                // Nothing of the open region is needed: the operator goes before it.
                items.Add(new TileItem(null, [node]));
                continue;
            }
            Close();
            region = next;
            if (next is null)
            {
                items.Add(new TileItem(null, [node]));
            }
        }
        Close();
        return items;

        void Close()
        {
            if (region is not null)
            {
                items.Add(Of(region));
            }
        }
    }
}
