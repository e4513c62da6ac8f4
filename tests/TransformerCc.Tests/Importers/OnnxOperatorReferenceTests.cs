using TransformerCc.Compiler.Importers.Onnx.Operators;

namespace TransformerCc.Tests.Importers;

public sealed class OnnxOperatorReferenceTests
{
    private static readonly string s_file = Path.Combine(TestData.Repository, "compiler", "TransformerCc.Compiler", "Importers", "Onnx", "OPERATORS.md");

    /// <summary>The table of what is supported is that of the declarations. TCC_ACCEPT_SNAPSHOTS=1 writes it.</summary>
    [Fact]
    public void Operators_are_the_declared_ones()
    {
        string expected = OperatorReference.Markdown();
        if (Environment.GetEnvironmentVariable(Snapshot.AcceptVariable) == "1")
        {
            File.WriteAllText(s_file, expected);
        }
        Assert.Equal(expected, File.ReadAllText(s_file));
    }
}
