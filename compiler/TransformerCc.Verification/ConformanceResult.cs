namespace TransformerCc.Verification;

public enum ConformanceOutcome
{
    /// <summary>Executed, and every output within tolerance.</summary>
    Passed,

    Failed,

    /// <summary>Not a test of tensors: an input or output is a sequence, a map or an optional.</summary>
    Skipped,

    /// <summary>Every output is right, but was computed by the compiler: nothing was left for the chip.</summary>
    Folded,
}

/// <param name="Reason">Why it did not pass; null when it did.</param>
/// <param name="Constants">The inputs that the compiler demanded as constants and was given.</param>
/// <param name="Instructions">Instructions the emulator executed over all data sets.</param>
public sealed record ConformanceResult(string Name, ConformanceOutcome Outcome, string? Reason, IReadOnlyList<string> Constants, long Instructions);
