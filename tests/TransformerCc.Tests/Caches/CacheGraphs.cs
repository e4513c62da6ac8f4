using System.Globalization;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Text;
using TransformerCc.Compiler.GraphPasses;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.Caches;

/// <summary>One attention over caches: queries, keys and values are the inputs. GQA, any window, linear or circular.</summary>
internal sealed record CacheGraphs(int Heads = 4, int KeyHeads = 2, int Width = 8, int ValueWidth = 8, int Window = 0, int Slots = 0, string Format = "f32", CacheFormat? Cache = null, bool ShrinkToWindow = false, float SoftCap = 0, int MaxContext = 512, int MaxLength = 512, int Page = 0)
{
    /// <summary>Slots makes the caches circular.</summary>
    public bool Circular => Slots > 0;

    public string Text()
    {
        string slots = Circular ? Slots.ToString(CultureInfo.InvariantCulture) : "context", circular = Circular ? ", circular" : "";
        string window = Window > 0 ? FormattableString.Invariant($", window = {Window}") : "", cap = SoftCap != 0 ? FormattableString.Invariant($", soft_cap = {SoftCap}") : "";
        string context = Circular ? "" : FormattableString.Invariant($"  dim context in 1..{MaxContext} = length\n");
        return FormattableString.Invariant($$"""
            graph "cached" {
              dim batch in 1..4
            {{context}}  dim length in 1..{{MaxLength}}
              input %q : f32[batch, length, {{Heads}}, {{Width}}]
              input %k : f32[batch, length, {{KeyHeads}}, {{Width}}]
              input %v : f32[batch, length, {{KeyHeads}}, {{ValueWidth}}]
              input %past : i64[batch] = 0
              input %cache.k : {{Format}}[batch, {{KeyHeads}}, {{slots}}, {{Width}}]
              input %cache.v : {{Format}}[batch, {{KeyHeads}}, {{slots}}, {{ValueWidth}}]
              %keys : {{Format}}[batch, {{KeyHeads}}, {{slots}}, {{Width}}] = cache_append(%cache.k, %k, %past) {new = bshd{{circular}}}
              %values : {{Format}}[batch, {{KeyHeads}}, {{slots}}, {{ValueWidth}}] = cache_append(%cache.v, %v, %past) {new = bshd{{circular}}}
              %y : f32[batch, length, {{Heads}}, {{ValueWidth}}] = cached_attention(%q, %keys, %values, %past) {query = bshd, result = bshd, scale = 0.5{{cap}}{{window}}{{circular}}}
              state %cache.k = %keys
              state %cache.v = %values
              output "y" = %y
            }

            """);
    }

    public Graph Parse()
    {
        Graph graph = GraphParser.Parse(Text());
        if (ShrinkToWindow)
        {
            new WindowCaches().Run(graph, new PassContext());
            Assert.Empty(GraphVerifier.Verify(graph));
        }
        if (Page > 0)
        {
            new PageCaches(Page).Run(graph, new PassContext());
            Assert.Empty(GraphVerifier.Verify(graph));
            Assert.Equal(GraphPrinter.Print(graph), GraphPrinter.Print(GraphParser.Parse(GraphPrinter.Print(graph))));
        }
        if (Cache is { } format)
        {
            new FormatCaches(format).Run(graph, new PassContext());
            Assert.Empty(GraphVerifier.Verify(graph));
        }
        return graph;
    }

    /// <summary>Queries, keys and values of whole sequences.</summary>
    public Dictionary<string, Tensor> Sequences(Random random, long batch, long length) => new(StringComparer.Ordinal)
    {
        ["q"] = Floats(random, [batch, length, Heads, Width]),
        ["k"] = Floats(random, [batch, length, KeyHeads, Width]),
        ["v"] = Floats(random, [batch, length, KeyHeads, ValueWidth]),
    };

    public static Tensor Floats(Random random, long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, d) => a * d)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextSingle() * 2) - 1;
        }
        return Tensor.From<float>(ElementType.F32, shape, values);
    }

    /// <summary>The positions [start, start + length) of every tensor of shape [batch, positions, …].</summary>
    public static Dictionary<string, Tensor> Positions(IReadOnlyDictionary<string, Tensor> sequences, long start, long length) =>
        sequences.ToDictionary(s => s.Key, s => Part(s.Value, 0, s.Value.Shape[0], start, length), StringComparer.Ordinal);

    /// <summary>Sequences [first, first + count) and positions [start, start + length).</summary>
    public static Tensor Part(Tensor t, long first, long count, long start, long length)
    {
        long row = t.Shape[2..].ToArray().Aggregate((long)t.Type.Size(), (a, d) => a * d);
        byte[] bytes = new byte[count * length * row];
        for (long b = 0; b < count; b++)
        {
            t.Data.Span.Slice((int)((((first + b) * t.Shape[1]) + start) * row), (int)(length * row)).CopyTo(bytes.AsSpan((int)(b * length * row)));
        }
        return new Tensor(t.Type, [count, length, .. t.Shape[2..]], bytes);
    }

    /// <summary>Which pages each sequence has.</summary>
    public static Tensor Table(long sequences, params long[] pages) => Tensor.From<long>(ElementType.I64, [sequences, pages.Length / sequences], pages);

    public static Tensor Past(params long[] past) => Tensor.From<long>(ElementType.I64, [past.Length], past);
}
