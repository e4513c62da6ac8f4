using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Timing;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc estimate</c> says.</summary>
/// <param name="Tokens">Positions that a run appends to its caches; null for a model without.</param>
/// <param name="Roofline">Null where the binary does not say what its graph needs.</param>
/// <param name="DramUtilization">Bytes moved / (sustained bandwidth · time).</param>
/// <param name="MatrixUtilization">Cycles of all arrays / time.</param>
internal sealed record EstimateDocument(
    string File, string Chip, string EntryPoint, double Cycles, double Seconds, long? Tokens, double? TokensPerSecond, double? JoulesPerToken, RooflineDocument? Roofline,
    long Instructions, long MultiplyAdds, IReadOnlyDictionary<string, long> Bytes, double DramUtilization, double MatrixUtilization, IReadOnlyList<EngineDocument> Engines, EnergyDocument Energy,
    IReadOnlyList<NodeTimeDocument> Nodes, IReadOnlyList<WaitDocument> Waits, IReadOnlyList<TimedSourceDocument> Sources, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    public static EstimateDocument Of(string path, ChipDescription chip, TimingReport report, IReadOnlyList<DiagnosticDocument> diagnostics) => new(
        path, chip.Name, report.EntryPoint, report.Cycles, report.Seconds, report.Tokens, report.Tokens / report.Seconds, report.Tokens is > 0 and { } tokens ? report.Energy.Total / tokens : null,
        report.Bound is { } bound ? RooflineDocument.Of(bound, report.Cycles) : null,
        report.Instructions, report.MultiplyAdds, report.Bytes.ToDictionary(b => b.Key.ToString().ToLowerInvariant(), b => b.Value),
        report.Bytes[MemorySpace.Dram] / (chip.Memory.SustainedBytesPerSecond * report.Seconds), report.Engines.Single(e => e.Engine == Engine.Matrix).Busy / report.Cycles,
        [.. report.Engines.Select(e => new EngineDocument(e.Engine.Name(), e.Busy, [.. e.Stalls.Select(s => new StallDocument(s.Cause.ToString().ToLowerInvariant(), s.From.Name(), s.Cycles))]))],
        new EnergyDocument(report.Energy.Total, report.Energy.Matrix, report.Energy.Vector, report.Energy.Dram, report.Energy.Scratchpads, report.Energy.Static),
        [.. report.Nodes.Select(n => new NodeTimeDocument(n.Name, n.Count, n.Cycles, n.Bound.Cycles, n.Bound.DramCycles, n.Bound.ArrayCycles, n.Bound.Bytes, n.Bound.MultiplyAdds, n.Lost))],
        [.. report.Waits.Select(w => new WaitDocument(w.Engine.Name(), w.Operation, w.Node, w.Cause.ToString().ToLowerInvariant(), w.From.Name(), w.Cycles))],
        [.. report.Sources.Select(s => new TimedSourceDocument(s.Operation, s.Node, s.Source, s.Matrix, s.Vector, s.Copy, s.DramBytes, s.DramCharge, s.MultiplyAdds, s.Joules))], diagnostics);
}

/// <summary>The bound, and bound / time.</summary>
/// <param name="Side">What binds: dram or arrays.</param>
/// <param name="Ratio">Against the sustained bandwidth of DRAM.</param>
/// <param name="PeakRatio">Against its peak bandwidth.</param>
internal sealed record RooflineDocument(double Cycles, string Side, double DramCycles, double ArrayCycles, long Bytes, long MultiplyAdds, double Ratio, double PeakRatio)
{
    public static RooflineDocument Of(Roofline bound, double cycles) =>
        new(bound.Cycles, bound.IsDramBound ? "dram" : "arrays", bound.DramCycles, bound.ArrayCycles, bound.Bytes, bound.MultiplyAdds, bound.Cycles / cycles, bound.PeakCycles / cycles);
}

internal sealed record EngineDocument(string Engine, double Busy, IReadOnlyList<StallDocument> Stalls);

/// <param name="Cause">dispatch, semaphore or resource.</param>
internal sealed record StallDocument(string Cause, string From, double Cycles)
{
    public string Text() => Cause == "semaphore" ? From : Cause == "dispatch" ? "instructions" : "itself";
}

/// <summary>Joules.</summary>
internal sealed record EnergyDocument(double Total, double Matrix, double Vector, double Dram, double Scratchpads, double Static);

/// <summary>Nodes that are alike: the cycles that passed for them, and the bound of their work.</summary>
internal sealed record NodeTimeDocument(string Node, int Count, double Cycles, double BoundCycles, double DramCycles, double ArrayCycles, long Bytes, long MultiplyAdds, double LostCycles);

/// <summary>An engine stood still before instructions of an operation.</summary>
internal sealed record WaitDocument(string Engine, string Operation, string Node, string Cause, string From, double Cycles)
{
    public string Text() => new StallDocument(Cause, From, Cycles).Text();
}

internal sealed record TimedSourceDocument(string Operation, string Node, string Source, double ArrayCycles, double VectorCycles, double CopyCycles, long DramBytes, double DramCharge, long MultiplyAdds, double Joules);
