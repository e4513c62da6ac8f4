using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The keys of a model with the type that is expected of them: a key of another type, or out of range, is a diagnostic, and
/// reading goes on with a value that does no harm. Only keys that are declared as used by the architecture can be read.
/// </summary>
internal sealed class ModelMetadata(GgufFile file, Architecture architecture, DiagnosticList diagnostics)
{
    private readonly HashSet<MetadataKey> _asked = [];

    /// <summary>The keys that were read, whether or not the file has them.</summary>
    public IReadOnlySet<MetadataKey> Asked => _asked;

    public bool Has(MetadataKey key) => Find(key) is not null;

    /// <summary>An integer in 1 … <paramref name="most"/>; a key that is needed and missing is a diagnostic.</summary>
    public long Size(MetadataKey key, long most, long? otherwise = null)
    {
        if (Find(key) is not { } value)
        {
            return otherwise ?? Missing(key, 1);
        }
        return value.Integer is { } n && n >= 1 && n <= most ? n : Wrong(key, value, $"a number from 1 to {most} is needed", otherwise ?? 1);
    }

    /// <summary>The same, where 0 means that there is none of it.</summary>
    public long Count(MetadataKey key, long most, long otherwise) =>
        Find(key) is not { } value ? otherwise
        : value.Integer is { } n && n >= 0 && n <= most ? n : Wrong(key, value, $"a number from 0 to {most} is needed", otherwise);

    /// <summary>A number for each layer: one for all, or an array.</summary>
    public long[] SizePerLayer(MetadataKey key, int layers, long most, long? otherwise = null)
    {
        if (Find(key)?.Array is not { } array)
        {
            return [.. Enumerable.Repeat(Size(key, most, otherwise), layers)];
        }
        long[]? values = array.Integers();
        return values is not null && values.Length >= layers && values.Take(layers).All(v => v >= 1 && v <= most) ? values[..layers]
            : [.. Enumerable.Repeat(Wrong(key, Find(key)!, $"{layers} numbers from 1 to {most} are needed", 1L), layers)];
    }

    /// <summary>A finite number above <paramref name="above"/>.</summary>
    public double Number(MetadataKey key, double above, double? otherwise = null)
    {
        if (Find(key) is not { } value)
        {
            return otherwise ?? Missing(key, 1);
        }
        return value.Number is { } x && double.IsFinite(x) && x > above ? x : Wrong(key, value, FormattableString.Invariant($"a number above {above} is needed"), otherwise ?? above + 1);
    }

    /// <summary>A finite number above 0, or 0 where there is none of it.</summary>
    public double NumberOrNone(MetadataKey key, double otherwise) => Find(key)?.Number == 0 ? 0 : Has(key) ? Number(key, 0, otherwise) : otherwise;

    public string Text(MetadataKey key, string otherwise) =>
        Find(key) is not { } value ? otherwise : value.Text ?? Wrong(key, value, "a text is needed", otherwise);

    /// <summary>True or false; null when the key is not there.</summary>
    public bool? Flag(MetadataKey key) => Find(key) is not { } value ? null : value.Flag ?? Wrong<bool?>(key, value, "true or false is needed", null);

    /// <summary>A choice of layers: true or false (or 1 and 0) for each; null when the key is not there, or is one number.</summary>
    public bool[]? FlagPerLayer(MetadataKey key, int layers)
    {
        if (Find(key) is not { Array: { } array } value)
        {
            return null;
        }
        bool[]? flags = array.Flags() ?? (array.Integers() is { } numbers && numbers.All(n => n is 0 or 1) ? [.. numbers.Select(n => n == 1)] : null);
        return flags?.Length >= layers ? flags[..layers] : Wrong(key, value, $"true or false for each of the {layers} layers is needed", new bool[layers]);
    }

    public void Refuse(MetadataKey key, string reason, string? help = null) =>
        diagnostics.Add(Diagnostic.Error(GgufCodes.Metadata, $"{key.In(architecture.Name)}: {reason}", file.Path, help));

    private GgufValue? Find(MetadataKey key)
    {
        if (key.Use != KeyUse.Used || !key.AppliesTo(architecture))
        {
            throw new InvalidOperationException($"{key.Name} is not declared as used by the architecture {architecture.Name}");
        }
        _asked.Add(key);
        return file.Metadata.GetValueOrDefault(key.In(architecture.Name));
    }

    private T Missing<T>(MetadataKey key, T harmless)
    {
        Refuse(key, $"the key is missing; the architecture {architecture.Name} needs it");
        return harmless;
    }

    private T Wrong<T>(MetadataKey key, GgufValue value, string needed, T harmless)
    {
        Refuse(key, $"it is {value}: {needed}");
        return harmless;
    }
}
