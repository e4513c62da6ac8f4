using System.Globalization;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification;

/// <summary>One test of the ONNX backend suite: a folder with model.onnx and folders test_data_set_K.</summary>
/// <param name="Name">The path below the folder searched, with forward slashes.</param>
public sealed record ConformanceTest(string Name, string Folder)
{
    private const string DataSetPrefix = "test_data_set_";

    private static readonly EnumerationOptions s_everyFolder = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };

    public string Model => Path.Combine(Folder, "model.onnx");

    /// <summary>Every test below a folder, the folder itself included, in order of their names.</summary>
    /// <exception cref="DiagnosticException">The folder does not exist (invalid input) or holds no test (usage).</exception>
    public static IReadOnlyList<ConformanceTest> Find(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6020", "the folder of tests does not exist", folder));
        }
        ConformanceTest[] tests = [.. Directory.EnumerateDirectories(folder, "*", s_everyFolder).Append(folder)
            .Select(path => new ConformanceTest(NameOf(folder, path), path)).Where(t => File.Exists(t.Model) && t.DataSets().Count > 0)
            .OrderBy(t => t.Name, StringComparer.Ordinal)];
        return tests.Length > 0 ? tests : throw new DiagnosticException(
            Diagnostic.Error("TCC6021", "no ONNX backend test found", folder, $"a test is a folder with model.onnx and {DataSetPrefix}0"), FailureKind.Usage);
    }

    /// <summary>The folders of the data sets, in order of their numbers.</summary>
    public IReadOnlyList<string> DataSets() => [.. Directory.GetDirectories(Folder, DataSetPrefix + "*").OrderBy(Number).ThenBy(d => d, StringComparer.Ordinal)];

    /// <summary>
    /// The tensors input_I.pb or output_I.pb of a data set under the names they have in the model. A name whose file is
    /// absent is an optional tensor that the test leaves out.
    /// </summary>
    /// <exception cref="DiagnosticException">A file is invalid.</exception>
    public static Dictionary<string, Tensor> Read(string dataSet, string kind, IReadOnlyList<string> names)
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++)
        {
            string path = Path.Combine(dataSet, FileName(kind, i));
            if (File.Exists(path))
            {
                tensors[names[i]] = OnnxTensorFile.Read(path);
            }
        }
        return tensors;
    }

    /// <summary>A file of a data set that belongs to none of so many names; null when there is none.</summary>
    public static string? Stranger(string dataSet, string kind, int names)
    {
        var known = Enumerable.Range(0, names).Select(i => FileName(kind, i)).ToHashSet(StringComparer.Ordinal);
        return Directory.EnumerateFiles(dataSet, kind + "_*.pb").Select(f => Path.GetFileName(f)).Where(f => !known.Contains(f)).Order(StringComparer.Ordinal).FirstOrDefault();
    }

    private static string FileName(string kind, int i) => string.Create(CultureInfo.InvariantCulture, $"{kind}_{i}.pb");

    private static long Number(string dataSet) =>
        long.TryParse(Path.GetFileName(dataSet).AsSpan(DataSetPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : long.MaxValue;

    private static string NameOf(string folder, string path) =>
        path == folder ? Path.GetFileName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar)) : Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');
}
