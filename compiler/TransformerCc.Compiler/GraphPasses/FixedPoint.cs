using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>Runs passes in turn until a round changes nothing: for passes that make work for each other.</summary>
public sealed class FixedPoint(string name, params IReadOnlyList<IGraphPass> passes) : IGraphPass
{
    public string Name => name;

    public IReadOnlyList<IGraphPass> Passes => passes;

    public void Run(Graph graph, PassContext context)
    {
        for (int step = 0; step < context.FixedPointSteps; step++)
        {
            int before = context.Rewrites;
            foreach (IGraphPass pass in passes)
            {
                GraphPipeline.RunOne(pass, graph, context, isRepeated: true);
            }
            if (context.Rewrites == before)
            {
                return;
            }
        }
        context.Diagnostics.Add(Diagnostic.Note("TCC2102", $"the passes of {Name} still found something to do after {context.FixedPointSteps} rounds; the graph is correct but may not be in its simplest form"));
    }
}
