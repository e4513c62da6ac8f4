using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>What the user adds to a model: values or bounds of its dimensions, fixed inputs, where to cut it.</summary>
public sealed record ImportOptions
{
    /// <summary>Fixes or bounds symbolic dimensions by name (`--bind seq=128`, `--bind seq=..512`).</summary>
    public IReadOnlyDictionary<string, DimensionLimit> Bindings { get; init; } = new Dictionary<string, DimensionLimit>();

    /// <summary>Shapes of inputs by name (`--shape ids=1x32`); a negative entry leaves the dimension as the model declares it.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<long>> InputShapes { get; init; } = new Dictionary<string, IReadOnlyList<long>>();

    /// <summary>Inputs that become constants (`--const flag=flag.npy`).</summary>
    public IReadOnlyDictionary<string, Tensor> Constants { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>Tensors at which the graph ends, in place of the model's outputs (`--outputs`); empty keeps those.</summary>
    public IReadOnlyList<string> Outputs { get; init; } = [];

    /// <summary>Whether a version of the format or of an operator set newer than the newest known one is read as that one, with a warning (`--accept-newer`).</summary>
    public bool AcceptNewer { get; init; }

    /// <summary>Upper bound of each symbolic dimension for which neither the user nor the model has one.</summary>
    public long DefaultBound { get; init; } = 4096;
}

/// <summary>A value (<paramref name="Exact"/>) or an upper bound (<paramref name="Upper"/>) of a symbolic dimension.</summary>
public readonly record struct DimensionLimit(long? Exact, long? Upper)
{
    public static DimensionLimit To(long value) => new(value, null);

    public static DimensionLimit AtMost(long bound) => new(null, bound);
}
