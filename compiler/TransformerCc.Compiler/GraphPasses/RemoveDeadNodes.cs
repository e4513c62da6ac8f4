using TransformerCc.Compiler.GraphIR;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>Removes nodes whose results nobody reads.</summary>
public sealed class RemoveDeadNodes : IGraphPass
{
    public string Name => "remove-dead-nodes";

    public void Run(Graph graph, PassContext context)
    {
        HashSet<Value> needed = [.. graph.Results];
        var kept = new List<Node>();
        foreach (Node node in Enumerable.Reverse(graph.Nodes))
        {
            if (node.Outputs.Exists(needed.Contains))
            {
                needed.UnionWith(node.Inputs);
                kept.Add(node);
            }
            else
            {
                context.CountRewrite();
            }
        }
        kept.Reverse();
        graph.Nodes.Clear();
        graph.Nodes.AddRange(kept);
    }
}
