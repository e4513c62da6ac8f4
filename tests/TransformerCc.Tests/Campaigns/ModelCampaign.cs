using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns;

/// <summary>A kind of model file that mutants are made of.</summary>
/// <param name="FileName">Under which a mutant is compiled.</param>
/// <param name="Mutate">A damaged copy.</param>
internal sealed record MutantSource(string FileName, IReadOnlyList<byte[]> Models, Func<byte[], CampaignRandom, byte[]> Mutate)
{
    public byte[] Mutant(ulong seed)
    {
        var random = new CampaignRandom(seed);
        return Mutate(random.Pick(Models), random);
    }
}

/// <summary>Mutants of models through import to the binary file: each ends in success or in diagnostics.</summary>
internal sealed class ModelCampaign(MutantSource source) : ICampaign
{
    private readonly TemporaryFolder _folder = new();
    private readonly CompileOptions _options = new() { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName) };

    public int Reached { get; private set; }

    /// <summary>The diagnostics of the last model that did not compile.</summary>
    public string Rejection { get; private set; } = "";

    public string? Problem(ulong seed) => Problem(source.Mutant(seed));

    public string? Problem(byte[] model)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, "model")).FullName;
        string path = Path.Combine(folder, source.FileName);
        File.WriteAllBytes(path, model);
        File.WriteAllBytes(Path.Combine(folder, "beside.bin"), new byte[256]);
        try
        {
            CompilationResult result = CompilerDriver.Compile(path, _options, []);
            ProgramFile.Write(Path.ChangeExtension(path, ".bin"), result.Image!);
            Reached++;
            return null;
        }
        catch (DiagnosticException e)
        {
            Rejection = e.Message;
            // A graph that a pass left broken is a defect of the compiler, whatever the model.
            return e.Kind == FailureKind.Failed ? e.Message : null;
        }
    }

    public void Dispose() => _folder.Dispose();
}
