using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TransformerCc.Isa.Files;

namespace TransformerCc.Isa.Chips;

/// <summary>The presets, reading, checking, printing and fingerprints of chip descriptions.</summary>
public static class ChipDescriptions
{
    /// <summary>Chosen when nothing is said.</summary>
    public const string DefaultName = "tx1";

    /// <summary>Bytes a chip file may have; a real one has about three thousand.</summary>
    private const int MaxFileBytes = 1 << 20;

    private static readonly Lazy<ImmutableArray<ChipDescription>> s_presets = new(ReadPresets);

    /// <summary>Names of the presets, smallest chip first.</summary>
    public static IReadOnlyList<string> PresetNames { get; } = ["tx1-edge", "tx1-embedded", "tx1", "tx1-server"];

    public static IReadOnlyList<ChipDescription> Presets => s_presets.Value;

    /// <summary>A preset by its name, or a chip file by its path.</summary>
    /// <exception cref="DiagnosticException">TCC4130: neither, or not readable; TCC4131: which fields are wrong, and why.</exception>
    public static ChipDescription Load(string nameOrPath)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        if (Presets.FirstOrDefault(c => c.Name == nameOrPath) is { } preset)
        {
            return preset;
        }
        if (!File.Exists(nameOrPath))
        {
            throw Unreadable("there is neither a preset nor a file of this name", nameOrPath);
        }
        return FileKinds.Explained(nameOrPath, FileRole.Chip, () => Read(nameOrPath));
    }

    private static ChipDescription Read(string nameOrPath)
    {
        try
        {
            using FileStream file = InputFile.Open(nameOrPath);
            return file.Length <= MaxFileBytes
                ? Parse(new StreamReader(file, Encoding.UTF8).ReadToEnd(), nameOrPath)
                : throw Unreadable($"a chip description has at most {MaxFileBytes} bytes", nameOrPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable($"the file cannot be read: {e.Message}", nameOrPath);
        }
    }

    /// <param name="json">The text of a chip file.</param>
    /// <param name="location">Named in diagnostics.</param>
    /// <exception cref="DiagnosticException">TCC4130: no JSON; TCC4131: which fields are wrong, and why.</exception>
    public static ChipDescription Parse(string json, string location)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            DiagnosticList diagnostics = ChipValidator.Check(document.RootElement, location);
            return diagnostics.HasErrors
                ? throw new DiagnosticException(diagnostics)
                : document.RootElement.Deserialize(ChipJson.Default.ChipDescription) ?? throw Unreadable("the description is null", location);
        }
        catch (JsonException e)
        {
            throw Unreadable($"no JSON: {e.Message}", location);
        }
    }

    /// <summary>Every problem of a description made in memory; empty when it is a possible chip.</summary>
    public static DiagnosticList Validate(ChipDescription chip)
    {
        using JsonDocument document = JsonDocument.Parse(ToJson(chip));
        return ChipValidator.Check(document.RootElement, chip.Name);
    }

    public static string ToJson(ChipDescription chip) => JsonSerializer.Serialize(chip, ChipJson.Default.ChipDescription) + "\n";

    /// <summary>
    /// SHA-256 of the JSON without comment and origins, lower-case hexadecimal: equal for chips on which every binary
    /// behaves the same.
    /// </summary>
    public static string Fingerprint(ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        ChipDescription figures = chip with { Comment = "", Origins = new Dictionary<string, string>(), SchemaLocation = null };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToJson(figures))));
    }

    private static DiagnosticException Unreadable(string reason, string location) =>
        new(Diagnostic.Error("TCC4130", reason, location, $"presets: {string.Join(", ", PresetNames)}; or a JSON file"));

    private static ImmutableArray<ChipDescription> ReadPresets() =>
        [.. PresetNames.Select(name =>
        {
            using Stream stream = typeof(ChipDescriptions).Assembly.GetManifestResourceStream($"{name}.json")!;
            return Parse(new StreamReader(stream, Encoding.UTF8).ReadToEnd(), name);
        })];
}
