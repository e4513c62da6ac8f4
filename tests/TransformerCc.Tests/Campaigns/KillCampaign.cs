using System.Diagnostics;
using System.Globalization;
using TransformerCc.Tests.Tool;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Campaigns;

/// <summary>Compilations that are killed (SIGKILL) at random moments: where the binary was, the old one is or the whole new one.</summary>
internal sealed class KillCampaign : ICampaign
{
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _old, _new;
    private readonly double _milliseconds;
    private int _finished, _replaced;

    public KillCampaign()
    {
        string path = Path.Combine(_folder.FullName, "model.bin");
        ToolProcess.Good(["compile", TestData.AdderModel, "-o", path, "--precision", "bf16"]);
        _old = File.ReadAllBytes(path);
        var clock = Stopwatch.StartNew();
        ToolProcess.Good(["compile", TestData.AdderModel, "-o", path, "--precision", "f32"]);
        (_milliseconds, _new) = (clock.Elapsed.TotalMilliseconds, File.ReadAllBytes(path));
        Assert.NotEqual(_old, _new);
    }

    public int Reached { get; private set; }

    public string Figures => string.Create(CultureInfo.InvariantCulture, $"{_finished} ended before they were killed, {_replaced} files were new");

    public string? Problem(ulong seed)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, $"{seed}")).FullName, path = Path.Combine(folder, "model.bin");
        File.WriteAllBytes(path, _old);
        using (Process process = ToolProcess.Start(["compile", TestData.AdderModel, "-o", path, "--precision", "f32"]))
        {
            // Half of them late: the file is written at the end.
            int part = new CampaignRandom(seed).Below(1200);
            Thread.Sleep((int)(_milliseconds * (seed % 2 == 0 ? part : 800 + (part / 3)) / 1000));
            process.Kill();
            _finished += ToolProcess.End(process).ExitCode == 0 ? 1 : 0;
        }
        byte[] now = File.ReadAllBytes(path);
        bool isNew = now.AsSpan().SequenceEqual(_new);
        _replaced += isNew ? 1 : 0;
        Reached++;
        Directory.Delete(folder, recursive: true);
        return isNew || now.AsSpan().SequenceEqual(_old) ? null : $"a file of {now.Length} bytes, the old one has {_old.Length}, the new one {_new.Length}";
    }

    public void Dispose() => _folder.Dispose();
}
