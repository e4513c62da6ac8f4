using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>A folder of NumPy files, one for each tensor and named after it.</summary>
public static class TensorFolder
{
    private const string Extension = ".npy";

    /// <summary>The tensors of these names that the folder holds; whoever uses them says which ones are missing.</summary>
    /// <exception cref="DiagnosticException">No such folder, two names with one file, or an invalid file.</exception>
    public static IReadOnlyDictionary<string, Tensor> Read(string folder, IReadOnlyList<string> names)
    {
        if (!Directory.Exists(folder))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6006", "the folder of tensors does not exist", folder));
        }
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach ((string name, string path) in Paths(folder, names))
        {
            if (File.Exists(path))
            {
                tensors[name] = NpyFile.Read(path);
            }
        }
        return tensors;
    }

    /// <summary>NumPy files of the folder that belong to none of these names, by their own names, in order.</summary>
    public static IReadOnlyList<string> Others(string folder, IReadOnlyList<string> names) =>
        [.. Directory.EnumerateFiles(folder, "*" + Extension).Select(f => Path.GetFileName(f)).Except(TensorNames.ToFileNames(names).Select(n => n + Extension), StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>Each tensor's file.</summary>
    /// <exception cref="DiagnosticException">TCC4020: two names with one file.</exception>
    public static IEnumerable<(string Name, string Path)> Paths(string folder, IReadOnlyList<string> names) =>
        names.Zip(TensorNames.ToFileNames(names), (name, file) => (name, Path.Combine(folder, file + Extension)));
}
