using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Runtime.Loader;

/// <summary>Which entry point runs given sizes.</summary>
internal static class EntryChoice
{
    /// <summary>The entry point of a name; without a name, the last that was planned for these sizes (the first is for all).</summary>
    /// <exception cref="DiagnosticException">TCC5020: there is no such entry point. TCC5038: it was planned for less.</exception>
    public static EntryPoint Of(ProgramImage image, string? name, IReadOnlyDictionary<string, long> dimensions)
    {
        EntryPoint? entry = image.EntryPoints.LastOrDefault(e => name is null ? e.Limits.All(Holds) : e.Name == name);
        if (entry is null)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5020", $"the program has no entry point '{name}'", null, $"it has {string.Join(", ", image.EntryPoints.Select(e => e.Name))}"));
        }
        if (entry.Limits.FirstOrDefault(l => !Holds(l)) is { } limit)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC5038", $"entry point '{entry.Name}' is for '{limit.Dimension}' up to {limit.Upper}, it is {dimensions[limit.Dimension]}", null, "leave the choice to the runtime"));
        }
        return entry;

        bool Holds(EntryLimit limit) => dimensions[limit.Dimension] <= limit.Upper;
    }
}
