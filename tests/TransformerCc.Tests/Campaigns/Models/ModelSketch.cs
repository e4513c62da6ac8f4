using System.Runtime.InteropServices;
using Google.Protobuf;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Tests.Importers;
using static TransformerCc.Tests.Importers.OnnxBuilder;

namespace TransformerCc.Tests.Campaigns.Models;

/// <summary>How a model stores its weights.</summary>
internal enum WeightKind { F32, F16, I8 }

/// <summary>An ONNX model in the making: weights and nodes under names of their own, in the spellings of one operator set.</summary>
/// <param name="disturbance">Relative change of every weight, for the question how much the result depends on rounding.</param>
internal sealed class ModelSketch(long opset, WeightKind weights, ulong seed, double disturbance, ulong disturbanceSeed)
{
    public const int F32 = 1, I32 = 6, I64 = 7, Bool = 9, F16 = 10;

    private readonly CampaignRandom _random = new(seed), _noise = new(disturbanceSeed);
    private int _names;

    public OnnxBuilder Model { get; } = new(opset);

    public long Opset => opset;

    public string Name() => $"t{_names++}";

    public string Op(string op, string inputs, params AttributeProto[] attributes) => OpOf("", op, inputs, attributes);

    public string OpOf(string domain, string op, string inputs, params AttributeProto[] attributes)
    {
        string output = Name();
        Model.Node(domain, op, inputs, output, attributes);
        return output;
    }

    /// <summary>Random numbers in [−scale, scale), stored as the model stores weights.</summary>
    public string Weight(double scale, params long[] dims)
    {
        int count = (int)dims.Aggregate(1L, (a, b) => a * b);
        string name = Name();
        switch (weights)
        {
            case WeightKind.F16:
                Half[] halves = [.. Enumerable.Range(0, count).Select(_ => (Half)Random(scale))];
                Model.Initializer(name, F16, dims, MemoryMarshal.AsBytes<Half>(halves));
                return Op("Cast", name, Int("to", F32));
            case WeightKind.I8 when dims.Length == 2:
                byte[] codes = [.. Enumerable.Range(0, count).Select(_ => (byte)_random.Next())];
                Model.Initializer(name, 3, dims, codes);
                return Op("DequantizeLinear", $"{name} {Floats([dims[1]], [.. Enumerable.Range(0, (int)dims[1]).Select(_ => (float)(scale / 128 * (1 + (Unit() * disturbance))))])}", Int("axis", 1));
            default:
                return Floats(dims, [.. Enumerable.Range(0, count).Select(_ => (float)Random(scale))]);
        }
    }

    /// <summary>Scales of a normalisation: around 1.</summary>
    public string Scale(long width) => Floats([width], [.. Enumerable.Range(0, (int)width).Select(_ => (float)(1 + Random(0.5)))]);

    public string Floats(long[] dims, params float[] values)
    {
        string name = Name();
        Model.Floats(name, dims, values);
        return name;
    }

    public string Number(float value) => Floats([], value);

    public string Longs(params long[] values)
    {
        string name = Name();
        Model.Longs(name, [values.Length], values);
        return name;
    }

    public string Long(long value)
    {
        string name = Name();
        Model.Longs(name, [], value);
        return name;
    }

    public string Reshape(string x, params long[] shape) => Op("Reshape", $"{x} {Longs(shape)}");

    public string Transpose(string x, params long[] permutation) => Op("Transpose", x, Ints("perm", permutation));

    public string Unsqueeze(string x, params long[] axes) => Op("Unsqueeze", $"{x} {Longs(axes)}");

    /// <summary>Part of one axis; the ends are names of tensors of one element.</summary>
    public string Slice(string x, string start, string end, long axis) => Op("Slice", $"{x} {start} {end} {Longs(axis)}");

    public string Slice(string x, long start, long end, long axis) => Slice(x, Longs(start), Longs(end), axis);

    /// <summary>The size of an axis, a tensor of one element.</summary>
    public string Size(string x, long axis) => Slice(Op("Shape", x), axis, axis + 1, 0);

    public string Mean(string x, long axis, bool keep = true) => opset >= 18
        ? Op("ReduceMean", $"{x} {Longs(axis)}", Int("keepdims", keep ? 1 : 0))
        : Op("ReduceMean", x, Ints("axes", axis), Int("keepdims", keep ? 1 : 0));

    public static AttributeProto Text(string name, string value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    private double Random(double scale) => scale * Unit(_random) * (1 + (Unit() * disturbance));

    private double Unit() => Unit(_noise);

    /// <summary>In [−1, 1).</summary>
    private static double Unit(CampaignRandom random) => ((random.Next() >> 11) * (2.0 / (1L << 53))) - 1;
}
