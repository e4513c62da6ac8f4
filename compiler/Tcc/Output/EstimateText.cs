using System.Globalization;

namespace TransformerCc.Tool.Output;

/// <summary>An estimate for people: the totals, what the engines waited for, and where the time beyond the bound went.</summary>
internal static class EstimateText
{
    private const int MostStalls = 3, MostWaits = 12;

    /// <summary>Waits below this share of the run are not worth a line.</summary>
    private const double SmallWait = 0.002;

    /// <param name="nodes">Lines of the table of nodes.</param>
    public static void Write(TextWriter output, EstimateDocument d, int nodes)
    {
        string rate = d.TokensPerSecond is { } tokens ? Text($"{tokens:N1} tokens/s") : Text($"{1 / d.Seconds:N1} runs/s");
        output.WriteLine(Text($"{d.File} on {d.Chip}, entry point {d.EntryPoint}: {d.Cycles:N0} cycles, {d.Seconds * 1e6:N1} us, {rate}"));
        if (d.Roofline is { } roof)
        {
            output.WriteLine(Text($"  roofline {roof.Cycles:N0} cycles, {(roof.Side == "dram" ? "DRAM" : "arrays")} bound (DRAM {roof.DramCycles:N0} for {Numbers.Bytes(roof.Bytes)}, arrays {roof.ArrayCycles:N0} for {roof.MultiplyAdds:N0} multiply-adds)"));
            output.WriteLine(Text($"  ratio {roof.Ratio:F3} against sustained bandwidth, {roof.PeakRatio:F3} against peak"));
        }
        output.WriteLine(Text($"  {d.Instructions:N0} instructions, {d.MultiplyAdds:N0} multiply-adds; DRAM {Numbers.Bytes(d.Bytes["dram"])}, {d.DramUtilization:P1} of its sustained bandwidth; arrays {d.MatrixUtilization:P1} busy"));
        string perToken = d.JoulesPerToken is { } joules ? Text($", {joules * 1e3:G4} mJ a token") : "";
        output.WriteLine(Text($"  energy {d.Energy.Total * 1e3:G4} mJ ({d.Energy.Total / d.Seconds:G3} W{perToken}): arrays {d.Energy.Matrix * 1e3:G3}, vector {d.Energy.Vector * 1e3:G3}, DRAM {d.Energy.Dram * 1e3:G3}, scratchpads {d.Energy.Scratchpads * 1e3:G3}, at rest {d.Energy.Static * 1e3:G3}"));
        output.WriteLine();
        WriteEngines(output, d);
        output.WriteLine();
        WriteNodes(output, d, nodes);
        output.WriteLine();
        WriteWaits(output, d);
    }

    private static void WriteEngines(TextWriter output, EstimateDocument d)
    {
        var table = new TextTable("engine", ">busy", "waits longest for");
        foreach (EngineDocument e in d.Engines)
        {
            table.Add(e.Engine, Numbers.Percent(e.Busy / d.Cycles), string.Join(", ", e.Stalls.Take(MostStalls).Select(s => $"{s.Text()} {Numbers.Percent(s.Cycles / d.Cycles)}")));
        }
        table.Write(output);
    }

    private static void WriteNodes(TextWriter output, EstimateDocument d, int most)
    {
        var table = new TextTable("nodes by lost time", ">count", ">cycles", ">bound", ">lost", ">of the run", ">DRAM cycles", ">array cycles");
        foreach (NodeTimeDocument n in d.Nodes.OrderByDescending(n => n.LostCycles).Take(most))
        {
            table.Add(n.Node.Length == 0 ? "(no node)" : n.Node, Numbers.Count(n.Count), Numbers.Count((long)n.Cycles), Numbers.Count((long)n.BoundCycles), Numbers.Count((long)n.LostCycles), Numbers.Percent(n.LostCycles / d.Cycles),
                Numbers.Count((long)n.DramCycles), Numbers.Count((long)n.ArrayCycles));
        }
        table.Write(output);
        if (d.Nodes.Count > most)
        {
            output.WriteLine(Text($"… and {d.Nodes.Count - most} more (--nodes N; --json lists all)"));
        }
    }

    /// <summary>Of the engines that do the work of a bound: arrays, and the stream of weights.</summary>
    private static void WriteWaits(TextWriter output, EstimateDocument d)
    {
        var table = new TextTable("engine", "stood still before", "of nodes", "for", ">of the run");
        foreach (WaitDocument w in d.Waits.Where(w => w.Engine is "mxu" or "dw" && w.Cycles > SmallWait * d.Cycles).Take(MostWaits))
        {
            table.Add(w.Engine, w.Operation, w.Node, w.Text(), Numbers.Percent(w.Cycles / d.Cycles));
        }
        table.Write(output);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
