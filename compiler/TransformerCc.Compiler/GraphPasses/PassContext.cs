using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>What passes share: where they report, what they may do, and a count by which fixed points are found.</summary>
public sealed class PassContext
{
    public DiagnosticList Diagnostics { get; init; } = [];

    /// <summary>Called after each pass with its name, for --print-after.</summary>
    public Action<string, Graph>? AfterPass { get; init; }

    /// <summary>Bytes of the largest constant that folding makes out of smaller ones.</summary>
    public long FoldedBytes { get; init; } = 1 << 18;

    /// <summary>How often a group of passes may run before it must have come to rest.</summary>
    public int FixedPointSteps { get; init; } = 64;

    /// <summary>Rewrites so far, of all passes.</summary>
    public int Rewrites { get; private set; }

    public void CountRewrite() => Rewrites++;
}
