using System.Globalization;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Runtime.Timing;

namespace TransformerCc.Tool.Output;

/// <summary>What <c>tcc estimate</c> says.</summary>
/// <param name="DramUtilization">Bytes moved / (sustained bandwidth · time).</param>
/// <param name="MatrixUtilization">Cycles of all arrays / time.</param>
internal sealed record EstimateDocument(
    string File, string Chip, string EntryPoint, double Cycles, double Seconds, long Instructions, long MultiplyAdds, IReadOnlyDictionary<string, long> Bytes, double DramUtilization, double MatrixUtilization,
    IReadOnlyList<EngineDocument> Engines, EnergyDocument Energy, IReadOnlyList<TimedSourceDocument> Sources, IReadOnlyList<DiagnosticDocument> Diagnostics)
{
    private const int MostSources = 20, MostStalls = 3;

    public void WriteText(TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{File} on {Chip}, entry point {EntryPoint}: {Cycles:N0} cycles, {Seconds * 1e6:N1} us, {1 / Seconds:N1} runs/s"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Instructions:N0} instructions, {MultiplyAdds:N0} multiply-adds; DRAM {Numbers.Bytes(Bytes["dram"])}, {DramUtilization:P1} of its sustained bandwidth; arrays {MatrixUtilization:P1} busy"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  energy {Energy.Total * 1e3:G4} mJ ({Energy.Total / Seconds:G3} W): arrays {Energy.Matrix * 1e3:G3}, vector {Energy.Vector * 1e3:G3}, DRAM {Energy.Dram * 1e3:G3}, scratchpads {Energy.Scratchpads * 1e3:G3}, at rest {Energy.Static * 1e3:G3}"));
        output.WriteLine();
        var engines = new TextTable("engine", ">busy", "waits longest for");
        foreach (EngineDocument e in Engines)
        {
            engines.Add(e.Engine, Numbers.Percent(e.Busy / Cycles), string.Join(", ", e.Stalls.Take(MostStalls).Select(s => $"{s.Text()} {Numbers.Percent(s.Cycles / Cycles)}")));
        }
        engines.Write(output);
        output.WriteLine();
        var sources = new TextTable("operation", "node", ">array cycles", ">vector cycles", ">DRAM bytes", ">multiply-adds", ">uJ");
        foreach (TimedSourceDocument s in Sources.Take(MostSources))
        {
            sources.Add(s.Operation, s.Node, Numbers.Count((long)s.ArrayCycles), Numbers.Count((long)s.VectorCycles), Numbers.Count(s.DramBytes), Numbers.Count(s.MultiplyAdds), Numbers.Short(s.Joules * 1e6));
        }
        sources.Write(output);
        if (Sources.Count > MostSources)
        {
            output.WriteLine($"… and {Sources.Count - MostSources} more (--json lists all)");
        }
    }

    public static EstimateDocument Of(string path, string chip, string entry, double sustainedBytesPerSecond, TimingReport report, IReadOnlyList<DiagnosticDocument> diagnostics) => new(
        path, chip, entry, report.Cycles, report.Seconds, report.Instructions, report.MultiplyAdds, report.Bytes.ToDictionary(b => b.Key.ToString().ToLowerInvariant(), b => b.Value),
        report.Bytes[MemorySpace.Dram] / (sustainedBytesPerSecond * report.Seconds), report.Engines.Single(e => e.Engine == Engine.Matrix).Busy / report.Cycles,
        [.. report.Engines.Select(e => new EngineDocument(e.Engine.Name(), e.Busy, [.. e.Stalls.Select(s => new StallDocument(s.Cause.ToString().ToLowerInvariant(), s.From.Name(), s.Cycles))]))],
        new EnergyDocument(report.Energy.Total, report.Energy.Matrix, report.Energy.Vector, report.Energy.Dram, report.Energy.Scratchpads, report.Energy.Static),
        [.. report.Sources.Select(s => new TimedSourceDocument(s.Operation, s.Node, s.Source, s.Matrix, s.Vector, s.Copy, s.DramBytes, s.DramCharge, s.MultiplyAdds, s.Joules))], diagnostics);
}

internal sealed record EngineDocument(string Engine, double Busy, IReadOnlyList<StallDocument> Stalls);

/// <param name="Cause">dispatch, semaphore or resource.</param>
internal sealed record StallDocument(string Cause, string From, double Cycles)
{
    public string Text() => Cause == "semaphore" ? From : Cause == "dispatch" ? "instructions" : "itself";
}

/// <summary>Joules.</summary>
internal sealed record EnergyDocument(double Total, double Matrix, double Vector, double Dram, double Scratchpads, double Static);

internal sealed record TimedSourceDocument(string Operation, string Node, string Source, double ArrayCycles, double VectorCycles, double CopyCycles, long DramBytes, double DramCharge, long MultiplyAdds, double Joules);
