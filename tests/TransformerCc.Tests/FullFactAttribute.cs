namespace TransformerCc.Tests;

/// <summary>A fact that takes minutes or gigabytes: <c>.ci/full</c> runs it, other runs report it as skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FullFactAttribute : FactAttribute
{
    public FullFactAttribute() => Skip = FullRun.WhySkipped;
}

/// <summary>The same for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FullTheoryAttribute : TheoryAttribute
{
    public FullTheoryAttribute() => Skip = FullRun.WhySkipped;
}

/// <summary>Whether the long tests were asked for.</summary>
internal static class FullRun
{
    /// <summary>The trait by which <c>.ci/full</c> finds them: <c>--filter Category=Full</c>.</summary>
    public const string Category = "Full";

    private const string Variable = "TCC_FULL";

    public static string? WhySkipped => Environment.GetEnvironmentVariable(Variable) == "1" ? null : $"takes minutes and gigabytes of disk: .ci/full runs it ({Variable}=1)";
}
