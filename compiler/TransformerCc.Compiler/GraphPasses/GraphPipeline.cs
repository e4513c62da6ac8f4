using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>A pass and the reason for its place.</summary>
public sealed record PipelineEntry(IGraphPass Pass, string WhyHere);

/// <summary>The passes in their order. The graph is verified after each; a failure names the pass.</summary>
public static class GraphPipeline
{
    public static IReadOnlyList<PipelineEntry> Default { get; } =
    [
        new(new FixedPoint("simplify", new FoldConstants(), new SimplifyAlgebra(), new SimplifyLayout(), new MergeDuplicates(), new RemoveDeadNodes()),
            "first: patterns need shape arithmetic gone, one spelling of powers and roots, and equal values to be one value"),
        new(new RecognizeNormalization(), "before layout folding moves transposes between its parts; before attention, whose heads may be normalised"),
        new(new RecognizeActivations(), "before layout folding, like all patterns of elementwise operators"),
        new(new RecognizeRope(), "before attention: its queries and keys are rotated"),
        new(new FixedPoint("fold-layout-before-attention", new FoldLayout(), new SimplifyLayout(), new RemoveDeadNodes()),
            "attention looks for heads behind the fewest reshapes and transposes"),
        new(new RecognizeAttention(), "needs normalisation, rotation and layouts in their final form"),
        new(new FixedPoint("fold-layout", new FoldLayout(), new SimplifyLayout(), new SimplifyAlgebra(), new FoldConstants(), new MergeDuplicates(), new RemoveDeadNodes()),
            "attention and rotation take layouts as attributes now; masks and tables that patterns replaced go away"),
        new(new CanonicalizeAxes(), "no pattern is looked for any more; the transposes it makes are the tiler's to lower"),
        new(new FuseLinear(), "last: it consumes what the others leave beside a product with a constant"),
        new(new FuseConvolution(), "beside linears, whose sums and activations are not a convolution's"),
        new(new FixedPoint("tidy", new MergeDuplicates(), new RemoveDeadNodes()), "the tiler sees no dead node and nothing twice"),
    ];

    /// <summary>What follows where caches live on between runs.</summary>
    /// <param name="format">Null: as the importer made them.</param>
    /// <param name="paged">Whether sequences share pages.</param>
    public static IEnumerable<PipelineEntry> Caches(CacheFormat? format, bool paged)
    {
        yield return new(new WindowCaches(), "before their format is chosen: caches of scales are as circular as those of their codes");
        if (paged)
        {
            yield return new(new PageCaches(), "what is circular by now stays so; before their format is chosen, like that");
        }
        if (format is { } chosen)
        {
            yield return new(new FormatCaches(chosen), "last: nothing else looks at what caches hold");
        }
    }

    /// <summary>Runs passes over a graph, in place. Throws <see cref="DiagnosticException"/> when a pass breaks the graph.</summary>
    public static Graph Run(Graph graph, PassContext? context = null, IReadOnlyList<PipelineEntry>? passes = null)
    {
        context ??= new PassContext();
        foreach (PipelineEntry entry in passes ?? Default)
        {
            RunOne(entry.Pass, graph, context);
        }
        return graph;
    }

    /// <param name="isRepeated">One of a <see cref="FixedPoint"/>: a pass that found nothing leaves the graph that was verified before it.</param>
    internal static void RunOne(IGraphPass pass, Graph graph, PassContext context, bool isRepeated = false)
    {
        int before = context.Rewrites;
        pass.Run(graph, context);
        if (pass is not FixedPoint && (!isRepeated || context.Rewrites != before))
        {
            Verify(pass, graph);
        }
        context.AfterPass?.Invoke(pass.Name, graph);
    }

    /// <summary>A pass that leaves a broken graph is an error of the compiler, not of the model.</summary>
    private static void Verify(IGraphPass pass, Graph graph)
    {
        DiagnosticList problems = GraphVerifier.Verify(graph);
        if (problems.HasErrors)
        {
            throw new DiagnosticException([Diagnostic.Error("TCC2100", $"the graph is broken after pass {pass.Name}", help: "this is an error of the compiler: please report the model"), .. problems], FailureKind.Failed);
        }
    }
}
