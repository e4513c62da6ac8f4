using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The keys of a model with the type that is expected of them: a key of another type, or out of range, is a diagnostic, and
/// reading goes on with a value that does no harm.
/// </summary>
internal sealed class ModelMetadata(GgufFile file, string architecture, DiagnosticList diagnostics)
{
    public bool Has(string key) => Find(key) is not null;

    /// <summary>An integer in 1 … <paramref name="most"/>; a key that is needed and missing is a diagnostic.</summary>
    public long Size(string key, long most, long? otherwise = null)
    {
        if (Find(key) is not { } value)
        {
            return otherwise ?? Missing(key, 1);
        }
        return value.Integer is { } n && n >= 1 && n <= most ? n : Wrong(key, value, $"a number from 1 to {most} is needed", otherwise ?? 1);
    }

    /// <summary>The same, where 0 means that there is none of it.</summary>
    public long Count(string key, long most, long otherwise) =>
        Find(key) is not { } value ? otherwise
        : value.Integer is { } n && n >= 0 && n <= most ? n : Wrong(key, value, $"a number from 0 to {most} is needed", otherwise);

    /// <summary>A number for each layer: one for all, or an array.</summary>
    public long[] SizePerLayer(string key, int layers, long most, long? otherwise = null)
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
    public double Number(string key, double above, double? otherwise = null)
    {
        if (Find(key) is not { } value)
        {
            return otherwise ?? Missing(key, 1);
        }
        return value.Number is { } x && double.IsFinite(x) && x > above ? x : Wrong(key, value, FormattableString.Invariant($"a number above {above} is needed"), otherwise ?? above + 1);
    }

    /// <summary>A finite number above 0, or 0 where there is none of it.</summary>
    public double NumberOrNone(string key, double otherwise) => Find(key)?.Number == 0 ? 0 : Has(key) ? Number(key, 0, otherwise) : otherwise;

    public string Text(string key, string otherwise) =>
        Find(key) is not { } value ? otherwise : value.Text ?? Wrong(key, value, "a text is needed", otherwise);

    public void Refuse(string key, string reason, string? help = null) =>
        diagnostics.Add(Diagnostic.Error(GgufCodes.Metadata, $"{architecture}.{key}: {reason}", file.Path, help));

    private GgufValue? Find(string key) => file.Metadata.GetValueOrDefault($"{architecture}.{key}");

    private T Missing<T>(string key, T harmless)
    {
        Refuse(key, $"the key is missing; the architecture {architecture} needs it");
        return harmless;
    }

    private T Wrong<T>(string key, GgufValue value, string needed, T harmless)
    {
        Refuse(key, $"it is {value}: {needed}");
        return harmless;
    }
}
