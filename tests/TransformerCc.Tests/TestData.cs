namespace TransformerCc.Tests;

/// <summary>
/// Where tests find files. What is in the repository (examples) is always there; data outside it (pretrained models,
/// conformance suites) lies in the folder TCC_TEST_DATA names, by default <c>../shared</c> beside the solution, and
/// tests that need it use <see cref="DataFactAttribute"/> or <see cref="DataTheoryAttribute"/>.
/// </summary>
public static class TestData
{
    public const string Variable = "TCC_TEST_DATA";

    /// <summary>The folder of TransformerCc.sln.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The folder of the data outside the repository; it may not exist.</summary>
    public static string Outside { get; } = Path.GetFullPath(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : Path.Combine(Repository, "..", "shared"));

    /// <summary>The folder of the adder: its model and its cases.</summary>
    public static string AdderFolder { get; } = Path.Combine(Repository, "examples", "adder");

    public static string AdderModel { get; } = Path.Combine(AdderFolder, "adder.onnx");

    /// <summary>A file or folder outside the repository, by its path with forward slashes.</summary>
    public static string Get(string path) => Path.Combine(Outside, Path.Combine(path.Split('/')));

    public static bool Has(string path) => Path.Exists(Get(path));

    /// <summary>The folder of a pretrained model: model.onnx, card.json, cases.</summary>
    public static string ModelFolder(string name) => Get($"models/{name}");

    public static string Model(string name) => Get($"models/{name}/model.onnx");

    /// <summary>Null when everything is there; otherwise the reason a test is skipped.</summary>
    internal static string? WhySkipped(string[] needed)
    {
        string[] missing = [.. needed.Where(path => !Has(path))];
        return missing.Length == 0 ? null : $"test data not found: {string.Join(", ", missing)} (set {Variable} to the folder that holds it)";
    }

    private static string FindRepository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "TransformerCc.sln")))
            {
                return folder.FullName;
            }
        }
        throw new DirectoryNotFoundException($"no TransformerCc.sln above {AppContext.BaseDirectory}");
    }
}

/// <summary>A fact about data outside the repository: reported as skipped, with the reason, when the data is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DataFactAttribute : FactAttribute
{
    /// <param name="needed">Paths below the data folder, e.g. "models/kwt1".</param>
    public DataFactAttribute(params string[] needed)
    {
        Needed = needed;
        Skip = TestData.WhySkipped(needed);
    }

    public IReadOnlyList<string> Needed { get; }
}

/// <summary>The same for theories. A row whose own data may be absent is better written as its own <see cref="DataFactAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DataTheoryAttribute : TheoryAttribute
{
    /// <param name="needed">Paths below the data folder, e.g. "models".</param>
    public DataTheoryAttribute(params string[] needed)
    {
        Needed = needed;
        Skip = TestData.WhySkipped(needed);
    }

    public IReadOnlyList<string> Needed { get; }
}
