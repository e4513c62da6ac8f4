using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>Gives the caches of keys and values the format that the user asked for: what is appended is rounded to it.</summary>
public sealed class FormatCaches(CacheFormat format) : IGraphPass
{
    public string Name => "format-caches";

    public void Run(Graph graph, PassContext context)
    {
        foreach (GraphState state in graph.States)
        {
            state.Input.Type = state.Next.Type = state.Input.Type with { Element = Element };
            context.CountRewrite();
        }
    }

    private ElementType Element => format switch
    {
        CacheFormat.BF16 => ElementType.BF16,
        CacheFormat.FP8 => ElementType.F8E4M3,
        _ => ElementType.F32,
    };
}
