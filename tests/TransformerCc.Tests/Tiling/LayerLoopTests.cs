using System.Globalization;
using System.Text;
using TransformerCc.Compiler;
using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Tests.GraphIR;

namespace TransformerCc.Tests.Tiling;

/// <summary>Layers become loops, whatever passes between them, and compute what they computed one after the other.</summary>
public sealed class LayerLoopTests
{
    private static readonly IReadOnlyDictionary<string, long>[] s_sizes = [new Dictionary<string, long> { ["n"] = 1 }, new Dictionary<string, long> { ["n"] = 37 }];

    /// <summary>What the layers of a test graph have that makes them special.</summary>
    public enum Variant
    {
        /// <summary>The input of the model is the first layer's: it must not be overwritten.</summary>
        Plain,
        /// <summary>A table that the first layer computes for all.</summary>
        SharedTable,
        /// <summary>Every layer has an input and an output of its own.</summary>
        OwnTensors,
        /// <summary>A layer reads two results of the one before.</summary>
        TwoCarried,
        /// <summary>One of them after it has computed its own, so that no one place can hold both.</summary>
        LateReader,
        /// <summary>All layers have the same weights.</summary>
        SharedWeights,
        /// <summary>One layer in the middle is wider.</summary>
        OddLayer,
        /// <summary>Layers of two kinds take turns.</summary>
        Alternating,
        /// <summary>What the second layer computed is an output, too.</summary>
        EarlyOutput,
    }

    public static TheoryData<Variant, string, string> Cases()
    {
        var cases = new TheoryData<Variant, string, string>();
        foreach (Variant variant in Enum.GetValues<Variant>())
        {
            cases.Add(variant, "tx1", "F32");
            cases.Add(variant, "tx1-edge", "BF16");
            cases.Add(variant, TestChips.Tiny.Name, "F32");
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_loop_computes_what_the_layers_do(Variant variant, string chip, string precision) =>
        CompiledAgreement.Check(GraphTexts.Parse(Layers(variant, 6)), TestChips.Of(chip), Enum.Parse<Precision>(precision), s_sizes, seed: 3);

    [Theory]
    [InlineData(Variant.Plain, "6")]
    [InlineData(Variant.SharedTable, "6")]
    [InlineData(Variant.OwnTensors, "6")]
    [InlineData(Variant.TwoCarried, "6")]
    [InlineData(Variant.SharedWeights, "6")]
    [InlineData(Variant.OddLayer, "3 2")]
    [InlineData(Variant.Alternating, "3")]
    [InlineData(Variant.EarlyOutput, "4")]
    public void Loops_have_as_many_iterations(Variant variant, string counts) =>
        Assert.Equal(counts, string.Join(' ', Tiler.Lower(GraphTexts.Parse(Layers(variant, 6)), TestChips.Default, Precision.F32).Body.Nodes.OfType<TileLoop>().Where(l => l.Variable.StartsWith("layer", StringComparison.Ordinal)).Select(l => l.Count)));

    [Fact]
    public void A_loop_prints_where_its_layer_lies() =>
        Snapshot.Match(TilePrinter.Print(Tiler.Lower(GraphTexts.Parse(Layers(Variant.OwnTensors, 3)), TestChips.Default, Precision.BF16)));

    [Fact]
    public void Programs_do_not_grow_with_depth()
    {
        int Instructions(int layers) => CompiledGraph.Of(GraphTexts.Parse(Layers(Variant.SharedTable, layers)), TestChips.Default, Precision.BF16).Image.EntryPoints[0].Instructions.Length;
        Assert.Equal(Instructions(3), Instructions(40));
    }

    /// <summary>Layers whose rows see each other (attention), so that no region of rows holds two of them.</summary>
    private static string Layers(Variant variant, int count)
    {
        var head = new StringBuilder("dim n in 1..64\ninput %x : f32[n, 32]\nconst %gy : f32[32] = #gy\n");
        var body = new StringBuilder();
        var tail = new StringBuilder();
        (string x, string older) = ("x", "x");
        if (variant is Variant.TwoCarried or Variant.LateReader)
        {
            body.Append("%first : f32[n, 32] = unary(%x) {function = tanh}\n%second : f32[n, 32] = unary(%x) {function = sigmoid}\n");
            (x, older) = ("first", "second");
        }
        for (int i = 0; i < count; i++)
        {
            string w = variant == Variant.SharedWeights ? "0" : i.ToString(CultureInfo.InvariantCulture);
            int ffn = variant == Variant.OddLayer && i == 3 ? 96 : 64;
            string activation = variant == Variant.Alternating && i % 2 == 1 ? "relu" : "silu";
            if (variant != Variant.SharedWeights || i == 0)
            {
                head.Append(CultureInfo.InvariantCulture, $"const %g{i} : f32[32] = #g{i}\nconst %q{i} : f32[32, 32] = #q{i}\nconst %k{i} : f32[32, 32] = #k{i}\nconst %v{i} : f32[32, 32] = #v{i}\nconst %o{i} : f32[32, 32] = #o{i}\nconst %u{i} : f32[32, {ffn}] = #u{i}\nconst %d{i} : f32[{ffn}, 32] = #d{i}\n");
            }
            body.Append(CultureInfo.InvariantCulture, $"%norm{i} : f32[n, 32] = norm(%{x}, %g{w}) {{kind = rms, epsilon = 1E-05f}} from \"layer {i}\"\n");
            foreach (char p in "qkv")
            {
                body.Append(CultureInfo.InvariantCulture, $"%{p}rows{i} : f32[n, 32] = linear(%norm{i}, %{p}{w})\n%{p}heads{i} : f32[1, n, 2, 16] = reshape(%{p}rows{i}) {{shape = [1, n, 2, 16]}}\n");
            }
            if (i == 0 && variant == Variant.SharedTable)
            {
                head.Append("const %half : f32[1] = 0.5\n");
                body.Append("%table : f32[n, 32] = binary(%x, %half) {function = mul}\n");
            }
            body.Append(CultureInfo.InvariantCulture, $"%a{i} : f32[1, n, 2, 16] = attention(%qheads{i}, %kheads{i}, %vheads{i}) {{query = bshd, key = bshd, value = bshd, result = bshd, scale = 0.01, mask = none}}\n");
            body.Append(CultureInfo.InvariantCulture, $"%arows{i} : f32[n, 32] = reshape(%a{i}) {{shape = [n, 32]}}\n%h{i} : f32[n, 32] = linear(%arows{i}, %o{w}, %{(variant == Variant.TwoCarried ? older : x)}) {{residual}}\n");
            body.Append(CultureInfo.InvariantCulture, $"%up{i} : f32[n, {ffn}] = linear(%h{i}, %u{w}) {{activation = {activation}}}\n");
            string add = variant switch
            {
                Variant.SharedTable => "table",
                Variant.OwnTensors => $"in{i}",
                Variant.LateReader => older,
                Variant.TwoCarried => x,
                _ => $"h{i}",
            };
            body.Append(CultureInfo.InvariantCulture, $"%down{i} : f32[n, 32] = linear(%up{i}, %d{w}, %{add}) {{residual}}\n");
            if (variant == Variant.OwnTensors)
            {
                head.Append(CultureInfo.InvariantCulture, $"input %in{i} : f32[n, 32]\n");
                body.Append(CultureInfo.InvariantCulture, $"%out{i} : f32[n, 32] = norm(%down{i}, %g{i}) {{kind = rms, epsilon = 1E-05f}}\n");
                tail.Append(CultureInfo.InvariantCulture, $"output \"out{i}\" = %out{i}\n");
            }
            if (variant == Variant.EarlyOutput && i == 1)
            {
                tail.Append(CultureInfo.InvariantCulture, $"output \"early\" = %h{i}\n");
            }
            (older, x) = (variant is Variant.TwoCarried or Variant.LateReader ? $"h{i}" : x, $"down{i}");
        }
        body.Append(CultureInfo.InvariantCulture, $"%y : f32[n, 32] = norm(%{x}, %gy) {{kind = rms, epsilon = 1E-05f}}\n");
        return string.Concat(head, body, tail, "output \"y\" = %y\n");
    }
}
