namespace TransformerCc.Tool;

/// <summary>Phases of a long verb, in the order they begin; nothing is posted to another thread.</summary>
internal sealed class PhaseProgress(ToolContext tool, bool verbose) : IProgress<string>
{
    public void Report(string value) => tool.BeginPhase(value, verbose);
}
