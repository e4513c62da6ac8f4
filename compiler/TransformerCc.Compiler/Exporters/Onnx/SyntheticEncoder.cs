using System.Globalization;
using TransformerCc.Compiler.Exporters.Gguf;
using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Isa;
using static TransformerCc.Compiler.Exporters.Onnx.OnnxWriter;

namespace TransformerCc.Compiler.Exporters.Onnx;

/// <summary>
/// Encoders with seeded random weights in the spelling of PyTorch's tracing exporter at operator set 14: norms and GELU in
/// single operators, shapes computed with Shape, Gather and Concat, biases as additions.
/// </summary>
public sealed class SyntheticEncoder
{
    private const long Opset = 14;

    private const long MostLayers = 1024, MostWidth = 1 << 20;

    private readonly EncoderShape _shape;
    private readonly OnnxWriter _writer;
    private readonly bool _shapeOnly;
    private ulong _seed;

    private SyntheticEncoder(EncoderShape shape, string name, bool shapeOnly) => (_shape, _writer, _shapeOnly, _seed) = (shape, new OnnxWriter(name, Opset), shapeOnly, shape.Seed);

    /// <param name="shapeOnly">Weights are holes: nothing of their size is made or written.</param>
    /// <exception cref="DiagnosticException">The shape is none of a model.</exception>
    public static OnnxWriter Create(EncoderShape shape, bool shapeOnly = false)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (!IsSize(shape.Layers, MostLayers) || !IsSize(shape.Width, MostWidth) || !IsSize(shape.Hidden, MostWidth) || shape.Heads < 1 || shape.Width % shape.Heads != 0)
        {
            throw new DiagnosticException(Diagnostic.Error(GgufCodes.Option, FormattableString.Invariant($"{shape.Layers} layers of {shape.Heads} heads, {shape.Width} wide, {shape.Hidden} in between: all are positive, at most {MostLayers} and {MostWidth}, and the width is a multiple of the heads")), FailureKind.Usage);
        }
        var encoder = new SyntheticEncoder(shape, shape is VisionShape ? "vit" : "whisper_encoder", shapeOnly);
        switch (shape)
        {
            case VisionShape vision:
                encoder.Vision(vision);
                break;
            case SpeechShape speech:
                encoder.Speech(speech);
                break;
        }
        return encoder._writer;
    }

    private static bool IsSize(long value, long most) => value >= 1 && value <= most;

    private void Vision(VisionShape v)
    {
        long side = v.Image / v.Patch, positions = (side * side) + 1;
        string x = _writer.Input("pixel_values", "batch_size", 3, v.Image, v.Image), batch = Size("", x, 0);
        x = Convolution("/embeddings/patch_embeddings", x, [v.Width, 3, v.Patch, v.Patch], v.Patch, 0);
        x = _writer.Node("/embeddings", "Reshape", [x, Shape("/embeddings", batch, v.Width, -1)]);
        x = _writer.Node("/embeddings", "Transpose", [x], Attribute("perm", 0, 2, 1));
        string token = Expand("/embeddings", Random("embeddings.cls_token", [1, 1, v.Width], 0.5), batch, -1, -1);
        x = _writer.Node("/embeddings", "Concat", [token, x], Attribute("axis", 1));
        x = _writer.Node("/embeddings", "Add", [x, Random("embeddings.position_embeddings", [1, positions, v.Width], 0.5)]);
        x = Norm("/layernorm", Layers(x, hasKeyBias: true));
        x = _writer.Node("", "Gather", [x, _writer.Integers("", isList: false, 0)], Attribute("axis", 1));
        string classes = Random("classifier.weight", [v.Classes, v.Width], 1 / Math.Sqrt(v.Width));
        _writer.Node("/classifier", "Gemm", [x, classes, Random("classifier.bias", [v.Classes], 0.02)], Attribute("transB", 1));
        _writer.Output("logits", "batch_size", v.Classes);
    }

    private void Speech(SpeechShape s)
    {
        string x = _writer.Input("input_features", "batch_size", s.MelBins, s.Frames);
        x = Gelu("", Convolution("/conv1", x, [s.Width, s.MelBins, 3], 1, 1));
        x = Gelu("", Convolution("/conv2", x, [s.Width, s.Width, 3], 2, 1));
        x = _writer.Node("", "Transpose", [x], Attribute("perm", 0, 2, 1));
        x = _writer.Node("", "Add", [x, Random("embed_positions.weight", [(s.Frames + 1) / 2, s.Width], 0.5)]);
        Norm("/layer_norm", Layers(x, hasKeyBias: false));
        _writer.Output("last_hidden_state", "batch_size", (s.Frames + 1) / 2, s.Width);
    }

    private string Layers(string x, bool hasKeyBias)
    {
        for (long i = 0; i < _shape.Layers; i++)
        {
            string layer = string.Create(CultureInfo.InvariantCulture, $"/layers.{i}");
            x = _writer.Node(layer, "Add", [x, Attention(layer + "/self_attn", Norm(layer + "/self_attn_layer_norm", x), hasKeyBias)]);
            string up = Gelu(layer, Linear(layer + "/fc1", Norm(layer + "/final_layer_norm", x), _shape.Width, _shape.Hidden));
            x = _writer.Node(layer, "Add", [x, Linear(layer + "/fc2", up, _shape.Hidden, _shape.Width)]);
        }
        return x;
    }

    private string Attention(string scope, string x, bool hasKeyBias)
    {
        long width = _shape.Width / _shape.Heads;
        string batch = Size(scope, x, 0), positions = Size(scope, x, 1);
        string Heads(string projected, params ReadOnlySpan<long> permutation) =>
            _writer.Node(scope, "Transpose", [_writer.Node(scope, "Reshape", [projected, Shape(scope, batch, positions, _shape.Heads, width)])], Attribute("perm", permutation));
        string query = Heads(Linear(scope + "/q_proj", x, _shape.Width, _shape.Width), 0, 2, 1, 3);
        string keys = Heads(Linear(scope + "/k_proj", x, _shape.Width, _shape.Width, hasKeyBias), 0, 2, 3, 1);
        string values = Heads(Linear(scope + "/v_proj", x, _shape.Width, _shape.Width), 0, 2, 1, 3);
        string scores = _writer.Node(scope, "Div", [_writer.Node(scope, "MatMul", [query, keys]), _writer.Number(scope, MathF.Sqrt(width))]);
        string mixed = _writer.Node(scope, "MatMul", [_writer.Node(scope, "Softmax", [scores], Attribute("axis", -1)), values]);
        mixed = _writer.Node(scope, "Reshape", [_writer.Node(scope, "Transpose", [mixed], Attribute("perm", 0, 2, 1, 3)), Shape(scope, batch, positions, _shape.Width)]);
        return Linear(scope + "/out_proj", mixed, _shape.Width, _shape.Width);
    }

    /// <summary>x·w + bias, with the weights transposed to [in, out] as the exporter folds them.</summary>
    private string Linear(string scope, string x, long columns, long results, bool hasBias = true)
    {
        string product = _writer.Node(scope, "MatMul", [x, Random($"{NameOf(scope)}.weight", [columns, results], 1 / Math.Sqrt(columns))]);
        return hasBias ? _writer.Node(scope, "Add", [Random($"{NameOf(scope)}.bias", [results], 0.02), product]) : product;
    }

    private string Convolution(string scope, string x, long[] weights, long stride, long padding)
    {
        long[] Every(long value, int count) => [.. Enumerable.Repeat(value, count)];
        int axes = weights.Length - 2;
        string name = NameOf(scope);
        return _writer.Node(scope, "Conv", [x, Random($"{name}.weight", weights, 1 / Math.Sqrt(weights.Skip(1).Aggregate(1L, (n, d) => n * d))), Random($"{name}.bias", [weights[0]], 0.02)],
            Attribute("dilations", Every(1, axes)), Attribute("group", 1), Attribute("kernel_shape", weights.AsSpan(2)), Attribute("pads", Every(padding, 2 * axes)), Attribute("strides", Every(stride, axes)));
    }

    /// <summary>(x − mean)·scale / √(variance + ε) + bias over the last axis.</summary>
    private string Norm(string scope, string x)
    {
        string name = NameOf(scope);
        string centered = _writer.Node(scope, "Sub", [x, Mean(scope, x)]);
        string squares = _writer.Node(scope, "Pow", [centered, _writer.Number(scope, 2)]);
        string variance = Mean(scope, squares);
        string deviation = _writer.Node(scope, "Sqrt", [_writer.Node(scope, "Add", [variance, _writer.Number(scope, 1e-5f)])]);
        string scaled = _writer.Node(scope, "Mul", [_writer.Node(scope, "Div", [centered, deviation]), Random($"{name}.weight", [_shape.Width], 0.1, 1)]);
        return _writer.Node(scope, "Add", [scaled, Random($"{name}.bias", [_shape.Width], 0.02)]);
    }

    private string Mean(string scope, string x) => _writer.Node(scope, "ReduceMean", [x], Attribute("axes", new ReadOnlySpan<long>([-1])));

    /// <summary>x·(1 + erf(x / √2)) / 2.</summary>
    private string Gelu(string scope, string x)
    {
        string act = scope + "/activation_fn";
        string erf = _writer.Node(act, "Erf", [_writer.Node(act, "Div", [x, _writer.Number(act, 1.4142135f)])]);
        string product = _writer.Node(act, "Mul", [x, _writer.Node(act, "Add", [erf, _writer.Number(act, 1)])]);
        return _writer.Node(act, "Mul", [product, _writer.Number(act, 0.5f)]);
    }

    /// <summary>What the exporter calls the module of a scope.</summary>
    private static string NameOf(string scope) => scope[1..].Replace('/', '.');

    /// <summary>One dimension of a value as a number.</summary>
    private string Size(string scope, string x, long axis) =>
        _writer.Node(scope, "Gather", [_writer.Node(scope, "Shape", [x]), _writer.Integers(scope, isList: false, axis)], Attribute("axis", 0));

    /// <summary>A shape of computed sizes (names) and known ones.</summary>
    private string Shape(string scope, params ReadOnlySpan<object> sizes)
    {
        var parts = new List<string>();
        foreach (object size in sizes)
        {
            parts.Add(size is string name ? _writer.Node(scope, "Unsqueeze", [name, _writer.Integers(scope, isList: true, 0)]) : _writer.Integers(scope, isList: true, Convert.ToInt64(size, CultureInfo.InvariantCulture)));
        }
        return _writer.Node(scope, "Concat", [.. parts], Attribute("axis", 0));
    }

    /// <summary>A value stretched to sizes of which −1 stand for its own: the exporter replaces those by 1 as it runs.</summary>
    private string Expand(string scope, string x, params ReadOnlySpan<object> sizes)
    {
        string shape = Shape(scope, sizes), ones = _writer.Ones(scope, _writer.Node(scope, "Shape", [shape]));
        string kept = _writer.Node(scope, "Equal", [shape, _writer.Node(scope, "Mul", [ones, _writer.Integers(scope, isList: false, -1)])]);
        return _writer.Node(scope, "Expand", [x, _writer.Node(scope, "Where", [kept, ones, shape])]);
    }

    /// <summary>Weights of a deviation around a center.</summary>
    private string Random(string name, long[] shape, double deviation, double center = 0)
    {
        ulong seed = ++_seed * 0x9E3779B97F4A7C15;
        long columns = shape[^1], rows = shape.SkipLast(1).Aggregate(1L, (n, d) => checked(n * d));
        return _writer.Weight(name, shape, _shapeOnly ? null : stream =>
        {
            if (center == 0)
            {
                new RandomRows(GgufTensorType.F32, deviation, seed).Write(stream, rows, columns, seed);
                return;
            }
            new SplitMix(seed).Write(stream, rows * columns, center, deviation);
        });
    }
}
