using TransformerCc.Compiler.Analysis;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Tool.Output;

/// <summary>What a model consists of: <see cref="ModelStructure"/> in the words of the field.</summary>
internal sealed record StructureDocument(
    int Layers, IReadOnlyList<AttentionDocument> Attention, IReadOnlyList<FeedForwardDocument> FeedForward, IReadOnlyList<EmbeddingDocument> Embeddings, IReadOnlyList<ConvolutionDocument> Convolutions)
{
    public static StructureDocument Of(ModelStructure s) => new(s.Layers, [.. s.Attention.Select(AttentionDocument.Of)], [.. s.FeedForward.Select(FeedForwardDocument.Of)],
        [.. s.Embeddings.Select(e => new EmbeddingDocument(e.Name, e.Rows, e.Width))],
        [.. s.Convolutions.Select(c => new ConvolutionDocument(c.Count, c.Dimensions, c.Kernel, c.Strides, c.Channels, c.Filters))]);

    public void WriteText(TextWriter output)
    {
        output.WriteLine($"layers: {Numbers.Count(Layers)}");
        foreach (AttentionDocument a in Attention)
        {
            output.WriteLine($"  {Numbers.Count(a.Count)} x {a.Kind} attention, {a.Reach}, {(a.Mask == "none" ? "no mask" : $"{a.Mask} mask")}{(a.Past ? ", past" : "")}{(a.Rotary ? ", rotary" : "")}: "
                + $"{Numbers.Count(a.Heads)} heads of {Numbers.Count(a.Width)}{(a.KeyHeads == a.Heads ? "" : $" over {Numbers.Count(a.KeyHeads)}")}");
        }
        foreach (FeedForwardDocument f in FeedForward)
        {
            output.WriteLine($"  {Numbers.Count(f.Count)} x feed-forward, {f.Kind}: {Numbers.Count(f.Hidden)} columns");
        }
        foreach (EmbeddingDocument e in Embeddings)
        {
            output.WriteLine($"  embedding {e.Name}: {Numbers.Count(e.Rows)} rows of {Numbers.Count(e.Width)}");
        }
        foreach (ConvolutionDocument c in Convolutions)
        {
            output.WriteLine($"  {Numbers.Count(c.Count)} x convolution in {c.Dimensions}D, kernel {c.Kernel}, stride {c.Stride}: {Numbers.Count(c.Channels)} to {Numbers.Count(c.Filters)} channels");
        }
    }
}

internal sealed record AttentionDocument(int Count, string Kind, string Reach, string Mask, bool Past, bool Rotary, long Heads, long KeyHeads, long Width)
{
    public static AttentionDocument Of(AttentionGroup g) => new(
        g.Count,
        g.Sharing switch { HeadSharing.MultiHead => "multi-head", HeadSharing.GroupedQuery => "grouped-query", _ => "multi-query" },
        g.Reach switch { AttentionReach.Causal => "causal", AttentionReach.Cross => "cross", _ => "bidirectional" },
        g.Mask switch { MaskKind.Additive => "additive", MaskKind.Boolean => "boolean", _ => "none" },
        g.Past, g.Rotary, g.Heads, g.KeyHeads, g.Width);
}

/// <param name="Kind">"plain GELU", "gated SiLU (SwiGLU)" and the like.</param>
internal sealed record FeedForwardDocument(int Count, string Kind, bool Gated, string Activation, long Hidden)
{
    public static FeedForwardDocument Of(FeedForwardGroup g)
    {
        (string activation, string? gatedName) = g.Activation switch
        {
            Isa.Instructions.UnaryOp.GeluErf => ("GELU", "GeGLU"),
            Isa.Instructions.UnaryOp.GeluTanh => ("GELU (tanh)", "GeGLU"),
            Isa.Instructions.UnaryOp.GeluQuick => ("GELU (quick)", "GeGLU"),
            Isa.Instructions.UnaryOp.Silu => ("SiLU", "SwiGLU"),
            Isa.Instructions.UnaryOp.Relu => ("ReLU", "ReGLU"),
            Isa.Instructions.UnaryOp.Sigmoid => ("sigmoid", "GLU"),
            _ => (g.Activation.ToString(), (string?)null),
        };
        return new(g.Count, g.Gated ? $"gated {activation}{(gatedName is null ? "" : $" ({gatedName})")}" : $"plain {activation}", g.Gated, activation, g.Hidden);
    }
}

internal sealed record EmbeddingDocument(string Name, long Rows, long Width);

internal sealed record ConvolutionDocument(int Count, int Dimensions, string Kernel, string Stride, long Channels, long Filters);

/// <summary>Operations as expressions over the dimensions, and as numbers at some sizes.</summary>
/// <param name="Products">Two for each multiply-add of the matrix engine.</param>
/// <param name="Other">One for each element of every other result.</param>
/// <param name="At">The sizes of <paramref name="ProductsAt"/> and <paramref name="OtherAt"/>, which are null beyond 64 bits.</param>
internal sealed record ArithmeticDocument(string Products, string Other, IReadOnlyDictionary<string, string> ByKind, IReadOnlyDictionary<string, long> At, long? ProductsAt, long? OtherAt)
{
    public static ArithmeticDocument? Of(ModelInspection model, ImportOptions options)
    {
        if (model.Arithmetic is not { } count)
        {
            return null;
        }
        SortedDictionary<string, long> sizes = model.TypicalSizes(options.Bindings);
        return new(count.Products.ToString(), count.Other.ToString(),
            new SortedDictionary<string, string>(count.ByKind.ToDictionary(k => k.Key.ToString().ToLowerInvariant(), k => k.Value.ToString()), StringComparer.Ordinal),
            sizes, Evaluate(count.Products, sizes), Evaluate(count.Other, sizes));
    }

    public void WriteText(TextWriter output)
    {
        string at = At.Count == 0 ? "" : $" at {string.Join(", ", At.Select(s => FormattableString.Invariant($"{s.Key} = {s.Value}")))} (--bind DIM=N or DIM=..N for others)";
        output.WriteLine($"operations{at}: {Text(ProductsAt)} FLOPs in products, {Text(OtherAt)} elements of other results");
        foreach ((string kind, string expression) in ByKind.Where(k => k.Value != "0"))
        {
            output.WriteLine($"  {kind}: {expression}");
        }
    }

    private static string Text(long? number) => number is { } value ? Numbers.Count(value) : "beyond 64 bits";

    private static long? Evaluate(DimExpr e, SortedDictionary<string, long> sizes)
    {
        try
        {
            return e.Evaluate(sizes);
        }
        catch (OverflowException)
        {
            return null;
        }
    }
}
