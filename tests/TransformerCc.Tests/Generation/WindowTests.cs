using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Generation;

/// <summary>Layers that see a window: a circular cache, which answers turn over several times, gives what a cache of everything gives.</summary>
public sealed class WindowTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("phi3")]
    [InlineData("gemma2")]
    public async Task A_window_turns_around_without_a_trace(string architecture)
    {
        var programs = new SyntheticPrograms(architecture, Context: 160);
        using LoadedProgram circular = programs.Load(_folder.FullName, longestRun: 24), whole = programs.Load(_folder.FullName, longestRun: null);
        Assert.Contains(circular.Image.Tensors, t => t.State?.Mode == StateMode.Circular);
        Assert.DoesNotContain(whole.Image.Tensors, t => t.State?.Mode == StateMode.Circular);
        await SyntheticPrograms.AnswerAlike(circular, whole, [[.. Enumerable.Range(70, 40)], [1, 80, 81], [.. Enumerable.Range(100, 25)]], 100);
    }
}
