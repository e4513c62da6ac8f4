using TransformerCc.Isa.Tensors;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Importers;

/// <summary>
/// One call of GroupQueryAttention: a model with the node alone, random inputs, and its results computed position by
/// position from the published description (ContribOperators.md, 1.31).
/// </summary>
/// <param name="Past">Positions that each sequence has before the call.</param>
/// <param name="Length">New tokens of every sequence.</param>
/// <param name="Capacity">Rows of the past; 0 for no past.</param>
internal sealed record GroupQueryCase(int[] Past, int Length, int Heads, int KeyHeads, int Capacity)
{
    public const int Width = 16;

    private const int Positions = 64;

    public int Window { get; init; } = -1;

    public bool IsCausal { get; init; } = true;

    public float SoftCap { get; init; }

    public bool IsSmooth { get; init; }

    public bool HasSink { get; init; }

    /// <summary>Pairs that are rotated; 0 for no rotation.</summary>
    public int Rotated { get; init; }

    public bool IsInterleaved { get; init; }

    /// <summary>The positions of the rotation are an input.</summary>
    public bool HasPositions { get; init; }

    public bool IsPacked { get; init; }

    public bool HasNorm { get; init; }

    public bool HasBias { get; init; }

    public string Kind { get; init; } = "NONE";

    public int Bits { get; init; }

    public bool IsSliding { get; init; }

    public int Scores { get; init; }

    /// <summary>The total length is an input, not a constant.</summary>
    public bool IsTotalInput { get; init; }

    /// <summary>Batch, length and past have names in place of numbers.</summary>
    public bool IsSymbolic { get; init; }

    /// <summary>No new keys and values: those of the call are in the cache already.</summary>
    public bool IsShared { get; init; }

    private int Batch => Past.Length;

    private int NewKeys => IsShared ? 0 : Length;

    public int Total => Past.Max() + Length;

    private int PresentRows => IsSliding ? Capacity : Math.Max(Capacity, Total);

    private bool IsByChannel => Kind == "PER_CHANNEL";

    /// <summary>Bytes or numbers of a row of the cache.</summary>
    private int Columns => Bits == 4 ? Width / 2 : Width;

    private static AttributePair[] Chosen(params AttributePair[] all) => [.. all.Where(a => a.IsSet)];

    private readonly record struct AttributePair(bool IsSet, Compiler.Importers.Onnx.Proto.AttributeProto Attribute);

    /// <summary>The sizes of named dimensions.</summary>
    public IReadOnlyDictionary<string, long> Sizes => IsSymbolic ? new Dictionary<string, long> { ["batch"] = Batch, ["seq"] = Length, ["past"] = Capacity } : new Dictionary<string, long>();

    public OnnxBuilder Model()
    {
        int cacheType = Bits switch { 8 => 3, 4 => 2, _ => 1 };
        object batch = IsSymbolic ? "batch" : Batch, length = IsSymbolic ? "seq" : Length, keys = IsShared ? 0 : length, rows = IsSymbolic ? "past" : Capacity;
        var model = new OnnxBuilder(21);
        model.Model.OpsetImport.Add(new Compiler.Importers.Onnx.Proto.OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        model.Input("q", 1, batch, length, (Heads + (IsPacked ? 2 * KeyHeads : 0)) * Width);
        string inputs = IsPacked ? "q _ _" : "q k v";
        if (!IsPacked)
        {
            model.Input("k", 1, batch, keys, KeyHeads * Width).Input("v", 1, batch, keys, KeyHeads * Width);
        }
        if (Capacity > 0)
        {
            model.Input("pk", cacheType, batch, KeyHeads, rows, Columns).Input("pv", cacheType, batch, KeyHeads, rows, Columns);
        }
        inputs += Capacity > 0 ? " pk pv last total" : " _ _ last total";
        model.Input("last", 6, batch);
        if (IsTotalInput)
        {
            model.Input("total", 6, 1);
        }
        else
        {
            model.Initializer("total", 6, [1], BitConverter.GetBytes(Total));
        }
        if (Rotated > 0)
        {
            model.Floats("cos", [Positions, Rotated], Table(Math.Cos)).Floats("sin", [Positions, Rotated], Table(Math.Sin));
        }
        if (HasPositions)
        {
            model.Input("pos", 7, batch, length);
        }
        if (HasBias)
        {
            model.Input("bias", 1, 1, Heads, length, Total);
        }
        if (HasSink)
        {
            model.Input("sink", 1, Heads);
        }
        if (Bits > 0)
        {
            model.Input("ks", 1, IsByChannel ? [1, KeyHeads, 1, Width] : [1]).Input("vs", 1, IsByChannel ? [1, KeyHeads, 1, Width] : [1]);
        }
        if (HasNorm)
        {
            model.Input("qn", 1, Width).Input("kn", 1, Width);
        }
        inputs += (Rotated > 0 ? " cos sin" : " _ _") + (HasPositions ? " pos" : " _") + (HasBias ? " bias" : " _") + (HasSink ? " sink" : " _") + (Bits > 0 ? " ks vs" : " _ _") + (HasNorm ? " qn kn" : "");
        Compiler.Importers.Onnx.Proto.AttributeProto[] attributes =
        [
            Int("num_heads", Heads), Int("kv_num_heads", KeyHeads),
            .. Chosen(new(Window != -1, Int("local_window_size", Window)), new(!IsCausal, Int("causal", 0)), new(SoftCap != 0, Float("softcap", SoftCap)), new(IsSmooth, Int("smooth_softmax", 1)),
                new(Rotated > 0, Int("do_rotary", 1)), new(IsInterleaved, Int("rotary_interleaved", 1)), new(Bits > 0, Int("kv_cache_bit_width", Bits)), new(Bits > 0, Text("k_quant_type", Kind)),
                new(Bits > 0, Text("v_quant_type", Kind)), new(IsSliding, Int("sliding_window_cache", 1)), new(Scores > 0, Int("qk_output", Scores)), new(HasNorm, Float("qk_norm_epsilon", 0.01f))).Select(a => a.Attribute),
        ];
        model.Node("com.microsoft", "GroupQueryAttention", inputs.TrimEnd(' ', '_'), Scores > 0 ? "y nk nv qk" : "y nk nv", attributes);
        model.Output("y", 1, batch, length, Heads * Width).Output("nk", cacheType, "b", KeyHeads, "rows", Columns).Output("nv", cacheType, "c", KeyHeads, "rows", Columns);
        return Scores > 0 ? model.Output("qk", 1, "d", Heads, "e", "f") : model;
    }

    private float[] Table(Func<double, double> function) => [.. from p in Enumerable.Range(0, Positions) from i in Enumerable.Range(0, Rotated) select (float)function(p * Math.Pow(50, -i / (double)Rotated))];

    public Dictionary<string, Tensor> Inputs()
    {
        var random = new Random(7);
        float[] Floats(long count, double scale = 2) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)((random.NextDouble() - 0.5) * 2 * scale))];
        Tensor F(double scale, params long[] shape) => Tensor.From<float>(ElementType.F32, shape, Floats(shape.Aggregate(1L, (a, b) => a * b), scale));
        Tensor Cache()
        {
            long[] shape = [Batch, KeyHeads, Capacity, Columns];
            var bytes = new byte[shape.Aggregate(1L, (a, b) => a * b)];
            random.NextBytes(bytes);
            return Bits switch
            {
                8 => Tensor.From<sbyte>(ElementType.I8, shape, Array.ConvertAll(bytes, b => (sbyte)b)),
                4 => Tensor.From<byte>(ElementType.U8, shape, bytes),
                _ => F(2, shape),
            };
        }
        var inputs = new Dictionary<string, Tensor>
        {
            ["q"] = F(2, Batch, Length, (Heads + (IsPacked ? 2 * KeyHeads : 0)) * Width),
            ["last"] = Tensor.From<int>(ElementType.I32, [Batch], [.. Past.Select(p => p + Length - 1)]),
        };
        if (!IsPacked)
        {
            (inputs["k"], inputs["v"]) = (F(2, Batch, NewKeys, KeyHeads * Width), F(2, Batch, NewKeys, KeyHeads * Width));
        }
        if (Capacity > 0)
        {
            (inputs["pk"], inputs["pv"]) = (Cache(), Cache());
        }
        if (IsTotalInput)
        {
            inputs["total"] = Tensor.From<int>(ElementType.I32, [1], [Total]);
        }
        if (HasPositions)
        {
            inputs["pos"] = Tensor.From<long>(ElementType.I64, [Batch, Length], [.. Enumerable.Range(0, Batch * Length).Select(_ => random.NextInt64(Positions - Length))]);
        }
        if (HasBias)
        {
            inputs["bias"] = F(1, 1, Heads, Length, Total);
        }
        if (HasSink)
        {
            inputs["sink"] = F(1, Heads);
        }
        if (Bits > 0)
        {
            // Numbers up to 2 leave the range of the codes here and there.
            Tensor Scale() => Tensor.From<float>(ElementType.F32, IsByChannel ? [1, KeyHeads, 1, Width] : [1],
                [.. Enumerable.Range(0, IsByChannel ? KeyHeads * Width : 1).Select(_ => (float)(1 + random.NextDouble()) * (Bits == 8 ? 0.01f : 0.2f))]);
            (inputs["ks"], inputs["vs"]) = (Scale(), Scale());
        }
        if (HasNorm)
        {
            (inputs["qn"], inputs["kn"]) = (F(2, Width), F(2, Width));
        }
        return inputs;
    }

    /// <summary>y, nk, nv and perhaps qk; NaN where the description leaves a number open.</summary>
    public Dictionary<string, double[]> Expected(IReadOnlyDictionary<string, Tensor> inputs)
    {
        Dictionary<string, double[]> x = inputs.ToDictionary(i => i.Key, i => Compiler.GraphIR.Operators.TensorMath.Doubles(i.Value));
        var y = new double[Batch * Length * Heads * Width];
        var scores = new double[Batch * Heads * Length * Total];
        int rows = PresentRows;
        double[] presentKeys = new double[Batch * KeyHeads * rows * Columns], presentValues = new double[presentKeys.Length];
        for (int b = 0; b < Batch; b++)
        {
            int known = IsShared ? Past[b] + Length : Past[b], total = Past[b] + Length;
            for (int g = 0; g < KeyHeads; g++)
            {
                double[]?[] keys = History(x, "pk", "k", "ks", b, g, known, presentKeys), values = History(x, "pv", "v", "vs", b, g, known, presentValues);
                for (int h = g * (Heads / KeyHeads); h < (g + 1) * (Heads / KeyHeads); h++)
                {
                    for (int s = 0; s < Length; s++)
                    {
                        double[] query = Rotate(Normalize(x, Part(x, "q", b, s, h, 0), "qn"), Position(x, b, s));
                        Combine(x, query, keys, values, (b, h, s), total, y.AsSpan(((((b * Length) + s) * Heads) + h) * Width, Width), scores.AsSpan(((((b * Heads) + h) * Length) + s) * Total, Total));
                    }
                }
            }
        }
        var expected = new Dictionary<string, double[]> { ["y"] = y, ["nk"] = presentKeys, ["nv"] = presentValues };
        if (Scores > 0)
        {
            expected["qk"] = scores;
        }
        return expected;
    }

    private void Combine(Dictionary<string, double[]> x, double[] query, double[]?[] keys, double[]?[] values, (int B, int H, int S) at, int total, Span<double> y, Span<double> shown)
    {
        int own = Past[at.B] + at.S;
        int first = IsCausal && Window > 0 ? Math.Max(0, own - Window + 1) : 0, end = IsCausal ? own + 1 : total;
        var score = new double[end];
        for (int p = first; p < end; p++)
        {
            double dot = keys[p]!.Zip(query, (a, c) => a * c).Sum() / Math.Sqrt(Width);
            score[p] = (SoftCap > 0 ? SoftCap * Math.Tanh(dot / SoftCap) : dot) + (HasBias ? x["bias"][(((at.H * Length) + at.S) * Total) + p] : 0);
        }
        double sum = (HasSink ? Math.Exp(x["sink"][at.H]) : IsSmooth ? 1 : 0) + score[first..].Sum(Math.Exp);
        for (int p = first; p < end; p++)
        {
            double weight = Math.Exp(score[p]) / sum;
            for (int c = 0; c < Width; c++)
            {
                y[c] += weight * values[p]![c];
            }
            shown[p] = Scores == 1 ? score[p] : weight;
        }
    }

    /// <summary>The key or value of every position as attention reads it; null where it was evicted. Fills the present.</summary>
    private double[]?[] History(Dictionary<string, double[]> x, string past, string name, string scale, int b, int g, int known, double[] present)
    {
        var all = new double[]?[known + NewKeys];
        var codes = new double[all.Length][];
        double Scale(int c) => Bits == 0 ? 1 : x[scale][IsByChannel ? (g * Width) + c : 0];
        int start = Evicted(known), rows = PresentRows;
        for (int p = start; p < known; p++)
        {
            codes[p] = x[past][(((((b * KeyHeads) + g) * Capacity) + p - start) * Columns)..][..Columns];
        }
        for (int s = 0; s < NewKeys; s++)
        {
            double[] row = Part(x, name, b, s, g, name == "k" ? Heads : Heads + KeyHeads);
            codes[known + s] = Encode(name == "k" ? Rotate(Normalize(x, row, "kn"), Position(x, b, s)) : row, Scale);
        }
        for (int p = start; p < all.Length; p++)
        {
            all[p] = Decode(codes[p], Scale);
        }
        int from = Evicted(all.Length);
        for (int i = 0; i < rows; i++)
        {
            for (int c = 0; c < Columns; c++)
            {
                present[(((((b * KeyHeads) + g) * rows) + i) * Columns) + c] = from + i < all.Length ? codes[from + i][c] : IsSliding ? double.NaN : 0;
            }
        }
        return all;
    }

    /// <summary>Positions dropped of a windowed cache after so many.</summary>
    private int Evicted(int total)
    {
        if (!IsSliding)
        {
            return 0;
        }
        int start = 0;
        while (total - start > Capacity)
        {
            start += Capacity - Window + 1;
        }
        return start;
    }

    /// <summary>A head of a token: of its own tensor, or of the packed one, where it has so many heads before it.</summary>
    private double[] Part(Dictionary<string, double[]> x, string name, int b, int s, int head, int before)
    {
        (double[] data, int heads, int index) = IsPacked ? (x["q"], Heads + (2 * KeyHeads), name == "q" ? head : before + head) : (x[name], name == "q" ? Heads : KeyHeads, head);
        return data[(((((b * Length) + s) * heads) + index) * Width)..][..Width];
    }

    private double[] Normalize(Dictionary<string, double[]> x, double[] row, string weight) =>
        HasNorm ? [.. row.Select((v, i) => v / Math.Sqrt(row.Average(a => a * a) + 0.01f) * x[weight][i])] : row;

    /// <summary>Where a token is rotated to: of the positions given for a first prompt only the first counts.</summary>
    private int Position(Dictionary<string, double[]> x, int b, int s) => !HasPositions ? Past[b] + s : Total == Length ? (int)x["pos"][0] + s : (int)x["pos"][(b * Length) + s];

    private double[] Rotate(double[] row, int position)
    {
        double[] result = [.. row];
        for (int i = 0; i < Rotated; i++)
        {
            double angle = position * Math.Pow(50, -i / (double)Rotated);
            (int a, int c) = IsInterleaved ? (2 * i, (2 * i) + 1) : (i, i + Rotated);
            (result[a], result[c]) = ((row[a] * Math.Cos(angle)) - (row[c] * Math.Sin(angle)), (row[c] * Math.Cos(angle)) + (row[a] * Math.Sin(angle)));
        }
        return result;
    }

    private double[] Encode(double[] row, Func<int, double> scale)
    {
        double Code(int c, int low, int high) => Math.Clamp(Math.Round((float)row[c] / (float)scale(c), MidpointRounding.ToEven), low, high);
        return Bits switch
        {
            8 => [.. Enumerable.Range(0, Width).Select(c => Code(c, -128, 127))],
            4 => [.. Enumerable.Range(0, Width / 2).Select(c => Code(2 * c, -8, 7) + 8 + (16 * (Code((2 * c) + 1, -8, 7) + 8)))],
            _ => row,
        };
    }

    private double[] Decode(double[] codes, Func<int, double> scale) => Bits == 4
        ? [.. Enumerable.Range(0, Width).Select(c => ((((int)codes[c / 2] >> (4 * (c % 2))) & 15) - 8) * scale(c))]
        : [.. codes.Select((q, c) => q * scale(c))];
}
