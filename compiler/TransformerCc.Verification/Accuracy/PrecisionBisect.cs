using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.Accuracy;

/// <summary>What the model's outputs would be with a group of nodes in f32.</summary>
/// <param name="Group">Null: none.</param>
/// <param name="Nodes">Of the group.</param>
/// <param name="SignalToNoise">dB: of the mean over the outputs of Σ error² / Σ reference², so that each counts alike; without indices of scores.</param>
/// <param name="MaxAbsolute">Largest error of any output.</param>
/// <param name="Gain">dB of signal-to-noise more than with none.</param>
public sealed record BisectRow(string? Group, int Nodes, double SignalToNoise, double MaxAbsolute, double Gain);

/// <summary>What raising the precision of each group would buy.</summary>
/// <param name="Case">Which inputs.</param>
/// <param name="Base">All nodes in the compile precision.</param>
/// <param name="All">All nodes in f32.</param>
/// <param name="Groups">Those that gain most first.</param>
public sealed record BisectReport(string Case, BisectRow Base, BisectRow All, IReadOnlyList<BisectRow> Groups);

/// <summary>Raises one group of nodes at a time to f32 and looks at the outputs.</summary>
public static class PrecisionBisect
{
    /// <exception cref="DiagnosticException">TCC6037: the model is compiled for f32 already. TCC6038: nodes that share a cache are in different groups.</exception>
    public static BisectReport Run(AccuracyRun run, NodeGrouping grouping, IProgress<string>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.Options.Precision == Precision.F32)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6037", "all nodes compute in f32 already: there is nothing to raise", help: "choose the precision that is in question (--precision bf16)"), FailureKind.Usage);
        }
        BisectRow least = Row(null, 0, run.ChipOutputs, null);
        var rows = new List<BisectRow>();
        foreach (NodeGroup group in NodeGroups.Of(run.Graph, grouping))
        {
            progress?.Report($"{group.Name} in f32");
            rows.Add(Row(group.Name, group.Nodes.Count, MixedPrecision.Outputs(run, group.Nodes.ToHashSet()), least));
        }
        BisectRow all = Row("all nodes", run.Graph.Nodes.Count, MixedPrecision.Outputs(run, run.Graph.Nodes.ToHashSet()), least);
        return new BisectReport(run.Name, least, all, [.. rows.OrderByDescending(r => r.Gain)]);

        BisectRow Row(string? name, int nodes, IReadOnlyDictionary<string, Tensor> outputs, BisectRow? before)
        {
            // How far an index is from another says nothing of accuracy; the scores beside it do.
            ErrorMeasures[] errors = [.. run.Compare(outputs, null).Where(o => o.Indices is null).Select(o => o.Errors)];
            double noise = -10 * Math.Log10(errors.Average(e => Math.Pow(10, -e.SignalToNoise / 10)));
            return new BisectRow(name, nodes, noise, errors.Max(e => e.MaxAbsolute), before is null || noise.Equals(before.SignalToNoise) ? 0 : noise - before.SignalToNoise);
        }
    }
}
