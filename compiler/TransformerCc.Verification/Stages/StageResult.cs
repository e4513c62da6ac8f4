using System.Globalization;
using TransformerCc.Isa;

namespace TransformerCc.Verification.Stages;

/// <summary>What one stage of the compiler did to what a model computes.</summary>
/// <param name="Name">import, a pass, tile, schedule or binary.</param>
/// <param name="Program">The entry point; null where there is only the graph.</param>
/// <param name="Errors">Of the worst output, against the stage before; null for the first stage.</param>
/// <param name="Tolerance">What it may differ by.</param>
/// <param name="Failures">What differs by more, with node and element; empty when nothing does.</param>
public sealed record StageResult(string Name, string? Program, ErrorMeasures? Errors, StageTolerance Tolerance, IReadOnlyList<Diagnostic> Failures)
{
    public bool Passed => Failures.Count == 0;
}

/// <summary>What a stage may differ by from the one before.</summary>
/// <param name="Rule">Null: not by a bit.</param>
public sealed record StageTolerance(Tolerance? Rule)
{
    public static StageTolerance Exact { get; } = new((Tolerance?)null);

    public override string ToString() => Rule?.ToString() ?? "the same bits";

    /// <summary>Short, for a table.</summary>
    public string Short => Rule switch
    {
        null => "0 ulp",
        ScaledTolerance scaled => scaled.Scale.ToString("G1", CultureInfo.InvariantCulture),
        _ => Rule.ToString(),
    };
}
