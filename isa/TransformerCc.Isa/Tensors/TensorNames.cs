namespace TransformerCc.Isa.Tensors;

/// <summary>Names of tensors as names of files: every character outside <c>A-Za-z0-9_.-</c> becomes <c>_</c>.</summary>
public static class TensorNames
{
    /// <summary>The file name without folder and extension.</summary>
    public static string ToFileName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length == 0 ? "_" : string.Create(name.Length, name, static (text, from) =>
        {
            for (int i = 0; i < text.Length; i++)
            {
                text[i] = char.IsAsciiLetterOrDigit(from[i]) || from[i] is '_' or '.' or '-' ? from[i] : '_';
            }
        });
    }

    /// <summary>File names of tensors that go into one folder.</summary>
    /// <exception cref="DiagnosticException">TCC4020: two names give the same file name.</exception>
    public static IReadOnlyList<string> ToFileNames(IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var fileNames = new List<string>(names.Count);
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        var diagnostics = new DiagnosticList();
        foreach (string name in names)
        {
            string fileName = ToFileName(name);
            if (!owners.TryAdd(fileName, name))
            {
                diagnostics.Add(Diagnostic.Error("TCC4020", $"the tensors '{owners[fileName]}' and '{name}' would share the file {fileName}.npy", help: "rename one of them in the model"));
            }
            fileNames.Add(fileName);
        }
        return diagnostics.HasErrors ? throw new DiagnosticException(diagnostics) : fileNames;
    }
}
