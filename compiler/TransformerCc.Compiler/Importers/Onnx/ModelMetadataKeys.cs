using TransformerCc.Compiler.Importers.Onnx.Proto;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The metadata of a model, names with texts: ONNX gives them no meaning, so none changes what is computed. Those of known
/// writers are passed over; others are named in a note, since whoever wrote them may have meant something by them.
/// </summary>
internal static class ModelMetadataKeys
{
    /// <summary>Beginnings of keys that are known to describe where a model comes from, or how it was made.</summary>
    private static readonly string[] s_known =
    [
        // Exporters of torch, and the tools of ONNX and ONNX Runtime.
        "pkg.", "onnx.", "onnx_", "namespace", "source", "producer", "converted_from", "olive",
        // What people write about a model.
        "author", "date", "description", "docs", "framework", "license", "model_author", "model_license", "model_name", "name", "task", "title", "url", "version",
    ];

    private const int MostListed = 8;

    /// <summary>A note that names the keys that no known writer uses; null when there are none.</summary>
    public static Diagnostic? Note(ModelProto model, string location)
    {
        string[] keys = [.. model.MetadataProps.Select(p => p.Key).Where(k => !Array.Exists(s_known, k.StartsWith)).Distinct().Order(StringComparer.Ordinal)];
        return keys.Length == 0 ? null : Diagnostic.Note(ImportCodes.Metadata,
            $"metadata {string.Join(", ", keys.Take(MostListed))}{(keys.Length > MostListed ? $" and {keys.Length - MostListed} more" : "")} are not looked at: ONNX gives them no meaning for what is computed", location);
    }
}
