using System.Diagnostics;
using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.Chips;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns;

/// <summary>Mutants of ONNX models through import to compile: each ends in success or in diagnostics, in time.</summary>
internal sealed class OnnxCampaign(IReadOnlyList<byte[]> models, TimeSpan limit) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CompileOptions _options = new() { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName) };

    public int Compiled { get; private set; }

    /// <summary>The diagnostics of the last model that did not compile.</summary>
    public string Rejection { get; private set; } = "";

    public byte[] Mutant(ulong seed)
    {
        var random = new CampaignRandom(seed);
        return OnnxMutator.Mutate(random.Pick(models), random);
    }

    /// <summary>What is wrong with the mutant of a seed; null when nothing is.</summary>
    public string? Problem(ulong seed) => Problem(Mutant(seed), $"seed {seed}");

    public string? Problem(byte[] model, string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, "model")).FullName;
        string path = Path.Combine(folder, "model.onnx");
        File.WriteAllBytes(path, model);
        File.WriteAllBytes(Path.Combine(folder, "beside.bin"), new byte[256]);
        string? problem = null;
        var clock = Stopwatch.StartNew();
        // Its own thread: a mutant that hangs must not take the campaign with it.
        var thread = new Thread(() => problem = Compile(path)) { IsBackground = true };
        thread.Start();
        if (!thread.Join(limit))
        {
            return $"{name}: still running after {limit}";
        }
        return problem is null ? null : $"{name} ({clock.Elapsed.TotalSeconds:F1} s): {problem}";
    }

    public void Dispose() => _folder.Dispose();

    private string? Compile(string path)
    {
        try
        {
            CompilerDriver.Compile(path, _options, []);
            Compiled++;
            return null;
        }
        catch (DiagnosticException e)
        {
            Rejection = e.Message;
            // A graph that a pass left broken is a defect of the compiler, whatever the model.
            return e.Kind == FailureKind.Failed ? e.Message : null;
        }
#pragma warning disable CA1031 // The campaign looks for exceptions of every type.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e.ToString();
        }
    }
}
