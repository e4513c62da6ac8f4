using TransformerCc.Compiler.GraphIR;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>One rewriting of a graph, in place, that keeps what the graph computes.</summary>
public interface IGraphPass
{
    /// <summary>The name of --print-after and of diagnostics.</summary>
    string Name { get; }

    void Run(Graph graph, PassContext context);
}
