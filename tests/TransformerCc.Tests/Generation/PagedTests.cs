using TransformerCc.Isa.BinaryFile;
using TransformerCc.Runtime.Loader;
using TransformerCc.Verification;

namespace TransformerCc.Tests.Generation;

/// <summary>Prompts of a batch whose caches share pages get the answers that they get with caches of their own.</summary>
public sealed class PagedTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama", null)]
    [InlineData("gemma2", 24)]
    public async Task Pages_leave_no_trace(string architecture, int? longestRun)
    {
        var programs = new SyntheticPrograms(architecture, Context: 300);
        using LoadedProgram paged = programs.Load(_folder.FullName, longestRun, isPaged: true), appended = programs.Load(_folder.FullName, longestRun);
        Assert.Contains(paged.Image.Tensors, t => t.State?.Mode == StateMode.Paged);
        Assert.DoesNotContain(paged.Image.Tensors, t => t.State?.Mode == StateMode.Append);
        // Layers with a window keep their small caches.
        Assert.Equal(longestRun is not null, paged.Image.Tensors.Any(t => t.State?.Mode == StateMode.Circular));
        await SyntheticPrograms.AnswerAlike(paged, appended, [[.. Enumerable.Range(70, 110)], [1, 80, 81], [.. Enumerable.Range(100, 25)]], 40);
    }
}
