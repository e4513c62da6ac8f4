using TransformerCc.Compiler.Importers.Gguf;
using TransformerCc.Compiler.Importers.Onnx;
using TransformerCc.Isa;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns.Readers;

/// <summary>Damaged GGUF files through the importer alone.</summary>
internal sealed class GgufImportCampaign : ICampaign
{
    private readonly TemporaryFolder _folder = new();

    public int Reached { get; private set; }

    public string? Problem(ulong seed)
    {
        string path = Path.Combine(_folder.FullName, GgufSeeds.Source.FileName);
        File.WriteAllBytes(path, GgufSeeds.Source.Mutant(seed));
        try
        {
            GgufImporter.Import(path, new GgufOptions(), new Dictionary<string, DimensionLimit>(), []);
            Reached++;
            return null;
        }
        catch (DiagnosticException e)
        {
            return e.Kind == FailureKind.Failed ? e.Message : null;
        }
    }

    public void Dispose() => _folder.Dispose();
}
