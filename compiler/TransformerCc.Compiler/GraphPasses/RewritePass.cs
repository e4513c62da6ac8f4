using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>A pass that looks at every node once, in order, and may replace its result by another value.</summary>
public abstract class RewritePass : IGraphPass
{
    public abstract string Name { get; }

    public void Run(Graph graph, PassContext context)
    {
        var editor = new GraphEditor(graph);
        foreach (Node node in graph.Nodes.ToArray())
        {
            if (!editor.IsAlive(node) || node.Outputs.Count != 1)
            {
                continue;
            }
            editor.Begin(node);
            Value? replacement = Rewrite(node, editor, context);
            if (replacement is null || ReferenceEquals(replacement, node.Output))
            {
                continue;
            }
            if (replacement.Type != node.Output.Type)
            {
                throw new DiagnosticException(Diagnostic.Error("TCC2101",
                    $"pass {Name} replaced {node.Output} of type {node.Output.Type} by {replacement} of type {replacement.Type}",
                    string.Join(", ", node.Sources), "this is an error of the compiler: please report the model"));
            }
            editor.Replace(node.Output, replacement);
            context.CountRewrite();
        }
    }

    /// <summary>A value that equals the node's result, or null to leave the node.</summary>
    protected abstract Value? Rewrite(Node node, GraphEditor editor, PassContext context);
}
