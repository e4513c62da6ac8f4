using TransformerCc.Isa;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Verification;

/// <summary>Protects which folders count as cases (the command line's file conventions).</summary>
public sealed class CaseFinderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Make(params string[] folders)
    {
        foreach (string folder in folders)
        {
            Directory.CreateDirectory(Path.Combine(_folder.FullName, folder, "inputs"));
            Directory.CreateDirectory(Path.Combine(_folder.FullName, folder, "outputs"));
        }
    }

    private string[] Found() => [.. CaseFinder.Find(_folder.FullName).Select(c => c.Name)];

    [Fact]
    public void Folder_itself_and_its_cases_in_order()
    {
        Make(".", "cases/b", "cases/a", "ignored");
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "cases", "not-a-case", "inputs"));
        Assert.Equal([".", "a", "b"], Found());
    }

    [Fact]
    public void Direct_subfolders_where_there_is_no_cases_folder()
    {
        Make("two", "one");
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "other"));
        Assert.Equal(["one", "two"], Found());
    }

    [Fact]
    public void No_case_is_a_usage_error_and_no_folder_an_invalid_input()
    {
        Assert.Equal(FailureKind.Usage, Assert.Throws<DiagnosticException>(Found).Kind);
        Assert.Equal(FailureKind.InvalidInput, Assert.Throws<DiagnosticException>(() => CaseFinder.Find(Path.Combine(_folder.FullName, "absent"))).Kind);
    }

    [Fact]
    public void Adder_has_its_cases() =>
        Assert.Equal(["full-sums", "prompt", "short-batch"], CaseFinder.Find(TestData.AdderFolder).Select(c => c.Name));
}
