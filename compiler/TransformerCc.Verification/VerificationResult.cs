using TransformerCc.Compiler;
using TransformerCc.Verification.Stages;

namespace TransformerCc.Verification;

/// <param name="Against">"golden outputs" or "reference evaluator".</param>
/// <param name="Rule">The tolerance used.</param>
public sealed record VerificationResult(string Against, Tolerance Rule, IReadOnlyList<CaseResult> Cases)
{
    /// <summary>What every stage of the compilation changed; empty where that was not asked for.</summary>
    public IReadOnlyList<StageResult> Stages { get; init; } = [];

    /// <summary>What the model was compiled for.</summary>
    public Precision Precision { get; init; }

    /// <summary>Nothing compared is nothing verified.</summary>
    public bool Passed => Cases.Count > 0 && Cases.All(c => c.Passed) && Stages.All(s => s.Passed);
}

/// <param name="Shapes">The inputs' shapes, for people.</param>
/// <param name="Instructions">Instructions the emulator executed.</param>
/// <param name="Findings">What checking mode found; empty without it.</param>
public sealed record CaseResult(string Name, string Shapes, long Instructions, IReadOnlyList<OutputComparison> Outputs, IReadOnlyList<string> Findings)
{
    public bool Passed => Findings.Count == 0 && Outputs.Count > 0 && Outputs.All(o => o.Passed);
}
