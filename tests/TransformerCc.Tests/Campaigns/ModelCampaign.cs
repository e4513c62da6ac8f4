using System.Diagnostics;
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

/// <summary>Mutants of models through import to the binary file: each ends in success or in diagnostics, in time.</summary>
internal sealed class ModelCampaign(MutantSource source, TimeSpan limit) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly CompileOptions _options = new() { Chip = ChipDescriptions.Load(ChipDescriptions.DefaultName) };

    public int Compiled { get; private set; }

    /// <summary>The diagnostics of the last model that did not compile.</summary>
    public string Rejection { get; private set; } = "";

    public TimeSpan Slowest { get; private set; }

    /// <summary>What is wrong with the mutant of a seed; null when nothing is.</summary>
    public string? Problem(ulong seed) => Problem(source.Mutant(seed), $"seed {seed}");

    public string? Problem(byte[] model, string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, "model")).FullName;
        string path = Path.Combine(folder, source.FileName);
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
        Slowest = TimeSpan.FromTicks(long.Max(Slowest.Ticks, clock.Elapsed.Ticks));
        return problem is null ? null : $"{name} ({clock.Elapsed.TotalSeconds:F1} s): {problem}";
    }

    public void Dispose() => _folder.Dispose();

    private string? Compile(string path)
    {
        try
        {
            CompilationResult result = CompilerDriver.Compile(path, _options, []);
            ProgramFile.Write(Path.ChangeExtension(path, ".bin"), result.Image!);
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
