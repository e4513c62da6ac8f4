namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>What becomes of a key of the metadata.</summary>
internal enum KeyUse
{
    /// <summary>It is read, and changes what is built.</summary>
    Used,

    /// <summary>It is read, and only values that ask for nothing more are accepted.</summary>
    AcceptedOnly,

    /// <summary>It changes nothing of what is computed.</summary>
    WithoutEffect,
}

/// <summary>Whether a value is one of those that are accepted.</summary>
/// <param name="other">Other keys of the same file, by their name here; null for one that is not there.</param>
internal delegate bool KeyCondition(GgufValue value, Func<MetadataKey, GgufValue?> other);

/// <summary>A key of the metadata as it is declared: there is no other way to read one.</summary>
/// <param name="Name">The key, with {arch} for the name of the architecture.</param>
/// <param name="Meaning">What it says; of a key without effect, why it has none.</param>
internal sealed record MetadataKey(string Name, KeyUse Use, string Meaning)
{
    /// <summary>The architectures for which it is declared so; another declaration of the same name may hold for others.</summary>
    public Func<Architecture, bool> AppliesTo { get; init; } = _ => true;

    /// <summary>Of a key that is accepted only: the values, in words.</summary>
    public string AcceptedValues { get; init; } = "";

    public KeyCondition Accepts { get; init; } = (_, _) => true;

    /// <summary>The key in a file of an architecture.</summary>
    public string In(string architecture) => Name.Replace("{arch}", architecture, StringComparison.Ordinal);
}
