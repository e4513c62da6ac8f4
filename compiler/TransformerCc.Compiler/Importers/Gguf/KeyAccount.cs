using System.Globalization;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Answers for every key of a file: what is not declared, or has a value that is not accepted, is an error, or a warning where
/// the user said to go on without it. Keys of the tokenizer are warnings at once: a model also takes token ids.
/// </summary>
internal static class KeyAccount
{
    public static void Check(GgufFile file, Architecture architecture, IReadOnlyCollection<string> accepted, DiagnosticList diagnostics)
    {
        string prefix = architecture.Name + ".";
        GgufValue? Other(MetadataKey key) => file.Metadata.GetValueOrDefault(key.In(architecture.Name));
        foreach ((string name, GgufValue value) in file.Metadata.OrderBy(k => k.Key, StringComparer.Ordinal))
        {
            bool ofModel = name.StartsWith(prefix, StringComparison.Ordinal), ofTokenizer = name.StartsWith(FileKeys.TokenizerPrefix, StringComparison.Ordinal);
            MetadataKey? key = ofModel ? ModelKeys.Find(name, architecture) : FileKeys.Find(name);
            string? problem = key is null
                ? ofModel ? $"the key is not known for the architecture {architecture.Name}, and may change what is computed"
                : ofTokenizer ? "the key is not known, and may change how text is cut into tokens"
                : null
                : key.Use == KeyUse.AcceptedOnly && !key.Accepts(value, Other) ? $"supported is {key.AcceptedValues} ({key.Meaning})" : null;
            if (problem is not null)
            {
                diagnostics.Add(ofTokenizer || accepted.Contains(name)
                    ? Diagnostic.Warning(GgufCodes.Key, $"{name} = {Shown(value)} is left unread: {problem}", file.Path)
                    : Diagnostic.Error(GgufCodes.Key, $"{name} = {Shown(value)}: {problem}", file.Path, $"--accept-unknown {name} compiles the model as if the key were not there"));
            }
        }
        foreach (string name in accepted.Where(name => !file.Metadata.ContainsKey(name)))
        {
            diagnostics.Add(Diagnostic.Error(GgufCodes.Option, $"--accept-unknown {name}: the file has no such key", file.Path, "name a key as the error message names it"));
        }
        foreach (string name in accepted.Where(name => file.Metadata.ContainsKey(name) && IsRead(name)))
        {
            diagnostics.Add(Diagnostic.Error(GgufCodes.Option, $"--accept-unknown {name}: the key is known and read", file.Path, "leave the option out"));
        }
        bool IsRead(string name) => (name.StartsWith(prefix, StringComparison.Ordinal) ? ModelKeys.Find(name, architecture) : FileKeys.Find(name))?.Use == KeyUse.Used;
    }

    /// <summary>A value as it is shown: of a short array its elements, of a long text its beginning.</summary>
    private static string Shown(GgufValue value)
    {
        const int Most = 8, Longest = 60;
        if (value.Array is { Count: <= Most } array && (array.Numbers()?.Select(n => n.ToString(CultureInfo.InvariantCulture)) ?? array.Flags()?.Select(f => f ? "true" : "false")) is { } shown)
        {
            return $"[{string.Join(", ", shown)}]";
        }
        return value.Text is { Length: > Longest } text ? $"\"{text[..Longest]}…\"" : value.ToString();
    }
}
