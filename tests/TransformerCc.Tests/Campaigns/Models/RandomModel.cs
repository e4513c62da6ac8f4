using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa.Tensors;
using TransformerCc.Tests.Importers;
using static TransformerCc.Tests.Campaigns.Models.ModelSketch;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>A size of a model: a number, or a symbol with its bound.</summary>
internal readonly record struct ModelSize(string? Symbol, long Bound)
{
    /// <summary>As an input declares it.</summary>
    public object Declared => Symbol ?? (object)Bound;
}

/// <summary>A transformer of random choices as an ONNX model, with sizes to run it at.</summary>
/// <param name="Sizes">Values of the symbolic dimensions.</param>
/// <param name="VisibleFirst">Masks whose first key must be visible, since a row without any is NaN by definition.</param>
internal sealed record RandomModel(OnnxBuilder Builder, ImportOptions Options, IReadOnlyList<IReadOnlyDictionary<string, long>> Sizes, IReadOnlySet<string> VisibleFirst)
{
    private static readonly long[] s_widths = [8, 16, 1, 2, 3, 4, 5, 7, 11, 13, 24, 31, 32, 33, 48, 64, 67, 96, 128, 131];

    /// <param name="disturbance">Relative change of all weights.</param>
    /// <param name="disturbanceSeed">Which change of that size.</param>
    public static RandomModel Make(Choices choices, double disturbance = 0, ulong disturbanceSeed = 0)
    {
        long opset = choices.Pick(17, 20, 23);
        var weights = (WeightKind)choices.Below(3);
        var sketch = new ModelSketch(opset, weights, (ulong)choices.Below(1 << 16), disturbance, disturbanceSeed);
        ModelSize batch = Size(choices, "batch", choices.Pick(1, 2, 3, 5)), length = Size(choices, "length", choices.Pick(3, 1, 2, 7, 8, 17, 33, 40, 70));
        ModelSize past = Size(choices, "past", choices.Pick(4, 1, 9, 37)), keys = Size(choices, "keys", choices.Pick(3, 1, 5, 20));
        long width = choices.Pick(s_widths);
        var context = new ModelContext(choices, sketch, batch, length, past, keys, width);

        string x = ModelStem.Make(context);
        for (int block = choices.Pick(0, 1, 1, 2); block > 0; block--)
        {
            x = ModelBlock.Make(context, x);
        }
        ModelHead.Make(context, x);

        var declared = sketch.Model.Model.Graph.Input.SelectMany(i => i.Type.TensorType.Shape.Dim).Select(d => d.DimParam).ToHashSet(StringComparer.Ordinal);
        ModelSize[] symbols = [.. new[] { batch, length, past, keys }.Where(s => s.Symbol is not null && declared.Contains(s.Symbol))];
        Dictionary<string, DimensionLimit> bounds = symbols.ToDictionary(s => s.Symbol!, s => DimensionLimit.AtMost(s.Bound));
        Dictionary<string, long>[] sizes = [.. Enumerable.Range(0, symbols.Length == 0 ? 1 : 2).Select(run => symbols.ToDictionary(s => s.Symbol!, s => Value(choices, s, run)))];
        if (declared.Contains(ModelMask.AllKeys))
        {
            bounds[ModelMask.AllKeys] = DimensionLimit.AtMost(length.Bound + past.Bound);
            foreach (Dictionary<string, long> run in sizes)
            {
                run[ModelMask.AllKeys] = run.GetValueOrDefault("length", length.Bound) + run.GetValueOrDefault("past", past.Bound);
            }
        }
        var options = new ImportOptions { Bindings = bounds };
        return new RandomModel(sketch.Model, options, sizes, context.VisibleFirst);
    }

    private static ModelSize Size(Choices choices, string symbol, long bound) => new(choices.OneIn(3) ? null : symbol, bound);

    /// <summary>The bound itself first, then anything; a past may also be empty.</summary>
    private static long Value(Choices choices, ModelSize size, int run) =>
        run == 0 ? size.Bound : size.Symbol == "past" ? choices.Below((int)size.Bound + 1) : 1 + choices.Below((int)size.Bound);
}

/// <summary>What the parts of a model share.</summary>
internal sealed class ModelContext(Choices choices, ModelSketch sketch, ModelSize batch, ModelSize length, ModelSize past, ModelSize keys, long width)
{
    private string? _past;

    public Choices Choices => choices;

    public ModelSketch Sketch => sketch;

    public ModelSize Batch => batch;

    public ModelSize Length => length;

    public ModelSize Past => past;

    public ModelSize Keys => keys;

    public long Width => width;

    public HashSet<string> VisibleFirst { get; } = new(StringComparer.Ordinal);

    /// <summary>An embedding table that the head may use again; null without one.</summary>
    public string? Table { get; set; }

    public long Vocabulary { get; set; }

    /// <summary>Positions that precede this run's, a tensor of one element; null while no layer has a past.</summary>
    public string? PastLength { get => _past; set => _past ??= value; }

    /// <summary>The encoder's result that layers attend to.</summary>
    public string? Memory { get; set; }

    /// <summary>Most positions that a table must hold.</summary>
    public long Positions => length.Bound + past.Bound;

    /// <summary>A product with a weight, and perhaps a bias, in one of the spellings of exporters.</summary>
    public string Linear(string x, long from, long to)
    {
        double scale = Math.Sqrt(3.0 / from);
        bool biased = choices.OneIn(2);
        string y;
        switch (choices.Below(3))
        {
            case 1:
                y = sketch.Op("MatMul", $"{x} {sketch.Transpose(sketch.Weight(scale, to, from), 1, 0)}");
                break;
            case 2:
                string rows = sketch.Reshape(x, -1, from), bias = biased ? " " + sketch.Weight(0.3, to) : "";
                string product = sketch.Op("Gemm", $"{rows} {sketch.Weight(scale, to, from)}{bias}", Int("transB", 1));
                string rank3 = sketch.Op("Concat", $"{sketch.Slice(sketch.Op("Shape", x), 0, 2, 0)} {sketch.Longs(to)}", Int("axis", 0));
                return sketch.Op("Reshape", $"{product} {rank3}");
            default:
                y = sketch.Op("MatMul", $"{x} {sketch.Weight(scale, from, to)}");
                break;
        }
        return biased ? choices.OneIn(2) ? sketch.Op("Add", $"{sketch.Weight(0.3, to)} {y}") : sketch.Op("Add", $"{y} {sketch.Weight(0.3, to)}") : y;
    }

    public string Input(string name, int type, params object[] shape)
    {
        if (!sketch.Model.Model.Graph.Input.Any(i => i.Name == name))
        {
            sketch.Model.Input(name, type, shape);
        }
        return name;
    }

    /// <summary>A float input, of half precision at times.</summary>
    public string FloatInput(string name, params object[] shape)
    {
        bool half = choices.OneIn(5);
        Input(name, half ? F16 : F32, shape);
        return half ? sketch.Op("Cast", name, Int("to", F32)) : name;
    }
}
