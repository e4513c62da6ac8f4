using TransformerCc.Isa;
using TransformerCc.Isa.Files;

namespace TransformerCc.Compiler.Importers.Onnx;

/// <summary>
/// The file in which a model's external data lie. The model names it, so the name is hostile until checked: a model from elsewhere
/// must not read what lies outside its folder.
/// </summary>
/// <remarks>
/// The name is a relative path without "..", from the folder in which the model was named or, when that is a link and nothing is
/// there, from the folder of the model file itself. When all links are followed it must end below one of the two: a cache keeps both
/// files in one folder and lays links to them elsewhere. One more place is inside: a blob of a Hugging Face cache (huggingface_hub,
/// "Understand caching": blobs/HASH beside snapshots/), to which its downloader lays links into folders of models. It is called by
/// the hash of its content, so that nobody can name it in a model who does not know what is in it.
/// </remarks>
internal static class ExternalDataPath
{
    private const int ShortestHash = 8;

    /// <param name="model">The model file, as it was named.</param>
    /// <param name="location">What the model says; null when it says nothing.</param>
    /// <returns>A full path without links.</returns>
    /// <exception cref="DiagnosticException">The path leads elsewhere, in a circle, or to no file.</exception>
    public static string Resolve(string model, string? location)
    {
        string[] parts = location?.Split('/', '\\') ?? [];
        if (parts.Length == 0 || Array.Exists(parts, p => p is "" or ".." || p.AsSpan().ContainsAny(':', '\0')))
        {
            throw Refuse($"external data path '{location}' is not inside the model's folder", model,
                "put the data file beside the model and name it by a relative path without '..'");
        }
        string named = Path.GetDirectoryName(Path.GetFullPath(model)) ?? Path.GetFullPath(".");
        string target;
        string[] folders;
        try
        {
            folders = [RealPath.Of(named), Path.GetDirectoryName(RealPath.Of(model)) ?? named];
            string[] targets = [.. folders.Select(f => RealPath.Of(Path.Combine([f, .. parts])))];
            target = Array.Find(targets, Path.Exists) ?? targets[0];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refuse($"cannot follow the external data path '{location}': {e.Message}", model);
        }
        if (!Array.Exists(folders, f => target == f || RealPath.IsInside(target, f)) && !IsBlobOfCache(target))
        {
            throw Refuse($"external data path '{location}' is a link that leads out of the model's folder, to {target}", model,
                "put the data file itself into the folder of the model, if it is the right one");
        }
        if (Directory.Exists(target))
        {
            throw Refuse($"external data path '{location}' is that of a folder", model, "export the model again");
        }
        return File.Exists(target) ? target
            : throw Refuse($"the file of external data, '{location}', is missing: {target}", model, "fetch it too and keep its name: the model's weights are in it");
    }

    private static bool IsBlobOfCache(string target)
    {
        string? folder = Path.GetDirectoryName(target);
        return Path.GetFileName(target) is { Length: >= ShortestHash } name && name.All(char.IsAsciiHexDigitLower)
            && Path.GetFileName(folder) == "blobs" && Directory.Exists(Path.Combine(Path.GetDirectoryName(folder) ?? "", "snapshots"));
    }

    private static DiagnosticException Refuse(string reason, string model, string? help = null) =>
        new(Diagnostic.Error(ImportCodes.ExternalData, reason, model, help));
}
