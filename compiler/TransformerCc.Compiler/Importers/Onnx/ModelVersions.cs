using System.Collections.Immutable;
using TransformerCc.Compiler.Importers.Onnx.Operators;
using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The newest versions of the format and of the operator sets that are known here. A newer one may give an operator another
/// meaning, so a model that asks for it is refused, unless the user says that the newest known one is to be taken in its place.
/// </summary>
internal static class ModelVersions
{
    /// <summary>The IR version of ONNX 1.20 and later.</summary>
    public const long NewestIr = 13;

    private const string Option = "--accept-newer";

    /// <summary>ONNX 1.22, and the sets of ONNX Runtime, which have one version.</summary>
    private static readonly ImmutableSortedDictionary<string, long> s_newest =
        ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, [KeyValuePair.Create("", 27L), KeyValuePair.Create(ContribOperators.Microsoft, 1L)]);

    /// <summary>The newest version of a domain; null for domains that only functions of the model have.</summary>
    public static long? Newest(string domain) => s_newest.TryGetValue(domain, out long version) ? version : null;

    /// <summary>The operator sets of a model or function, newer ones replaced by the newest known: refused, or with a warning where the user accepts that.</summary>
    /// <param name="location">What imports them.</param>
    public static ImmutableSortedDictionary<string, long> Opsets(IEnumerable<OperatorSetIdProto> imports, ImportOptions options, DiagnosticList diagnostics, string location)
    {
        var versions = ImmutableSortedDictionary.CreateBuilder<string, long>(StringComparer.Ordinal);
        foreach (IGrouping<string, OperatorSetIdProto> set in imports.GroupBy(i => OperatorTable.Domain(i.Domain), StringComparer.Ordinal))
        {
            long[] given = [.. set.Select(i => i.Version).Distinct()];
            string name = set.Key.Length == 0 ? "ai.onnx" : set.Key;
            if (given.Length > 1)
            {
                diagnostics.Add(Diagnostic.Error(ImportCodes.Structure, $"operator set {name} is imported in versions {string.Join(" and ", given)}", location));
            }
            versions[set.Key] = Newest(set.Key) is { } newest && given[^1] > newest ? Replaced($"operator set {name}", given[^1], newest, options, diagnostics, location) : given[^1];
        }
        return versions.ToImmutable();
    }

    /// <summary>Refuses a file of a newer IR version.</summary>
    public static void CheckIr(ModelProto model, ImportOptions options, DiagnosticList diagnostics, string location)
    {
        if (model.IrVersion < 1)
        {
            diagnostics.Add(Diagnostic.Warning(ImportCodes.Structure, $"the file does not say its IR version: it is read as version {NewestIr}", location));
        }
        if (model.IrVersion > NewestIr)
        {
            Replaced("IR", model.IrVersion, NewestIr, options, diagnostics, location);
        }
    }

    private static long Replaced(string what, long given, long newest, ImportOptions options, DiagnosticList diagnostics, string location)
    {
        Diagnostic told = options.AcceptNewer
            ? Diagnostic.Warning(ImportCodes.NewerVersion, $"{what} version {given} is read as version {newest}, the newest that is known: what changed since is not looked at", location)
            : Diagnostic.Error(ImportCodes.NewerVersion, $"{what} version {given} is newer than {newest}, the newest that is known: operators may have another meaning in it", location,
                $"export the model for version {newest} or older, or have it read as version {newest} with {Option}");
        // A function is asked for each call of it.
        if (!diagnostics.Contains(told))
        {
            diagnostics.Add(told);
        }
        return newest;
    }
}
