using TransformerCc.Isa;

namespace TransformerCc.Verification;

/// <summary>Inputs with the outputs they must give: a folder with <c>inputs/</c> and <c>outputs/</c>.</summary>
/// <param name="Name">"." for the folder given itself, otherwise the name of the case's folder.</param>
public sealed record Case(string Name, string InputsFolder, string OutputsFolder);

/// <summary>Finds the cases below a folder.</summary>
public static class CaseFinder
{
    /// <summary>
    /// The folder itself if it is a case (named "."), and every case among the folders of <c>cases/</c>; without
    /// <c>cases/</c>, every direct subfolder that is one. In order of their names; other folders are ignored.
    /// </summary>
    /// <param name="diagnostics">Warned of folders with inputs and without goldens: TCC6003.</param>
    /// <exception cref="DiagnosticException">The folder does not exist (invalid input) or holds no case (usage).</exception>
    public static IReadOnlyList<Case> Find(string folder, DiagnosticList? diagnostics = null)
    {
        if (!Directory.Exists(folder))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6001", "the folder of cases does not exist", folder));
        }
        var cases = new List<Case>();
        if (IsCase(folder))
        {
            cases.Add(At(".", folder));
        }
        string nested = Path.Combine(folder, "cases");
        string[] candidates = Directory.GetDirectories(Directory.Exists(nested) ? nested : folder);
        Array.Sort(candidates, StringComparer.Ordinal);
        cases.AddRange(candidates.Where(IsCase).Select(path => At(Path.GetFileName(path), path)));
        foreach (string path in candidates.Where(path => !IsCase(path) && Directory.Exists(Path.Combine(path, "inputs"))))
        {
            diagnostics?.Add(Diagnostic.Warning("TCC6003", "a folder with inputs/ and without outputs/ is no case: nothing of it is compared", path, "put the golden outputs into its outputs/"));
        }
        if (cases.Count == 0)
        {
            throw new DiagnosticException(
                Diagnostic.Error("TCC6002", "no case found", folder, "a case is a folder with inputs/ and outputs/: the folder given, folders in its cases/, or its direct subfolders"),
                FailureKind.Usage);
        }
        return cases;
    }

    private static bool IsCase(string folder) => Directory.Exists(Path.Combine(folder, "inputs")) && Directory.Exists(Path.Combine(folder, "outputs"));

    private static Case At(string name, string folder) => new(name, Path.Combine(folder, "inputs"), Path.Combine(folder, "outputs"));
}
