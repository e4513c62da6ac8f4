using TransformerCc.Compiler;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.Accuracy;

/// <summary>What the model's outputs would be with a group of nodes in f32.</summary>
/// <param name="Group">Null: none.</param>
/// <param name="Nodes">Of the group.</param>
/// <param name="Errors">Of the worst output, against the reference.</param>
/// <param name="Gain">dB of signal-to-noise more than with none.</param>
public sealed record BisectRow(string? Group, int Nodes, ErrorMeasures Errors, double Gain);

/// <summary>What raising the precision of each group would buy.</summary>
/// <param name="Case">Which inputs.</param>
/// <param name="Base">All nodes in the compile precision.</param>
/// <param name="All">All nodes in f32.</param>
/// <param name="Groups">Those that gain most first.</param>
public sealed record BisectReport(string Case, BisectRow Base, BisectRow All, IReadOnlyList<BisectRow> Groups);

/// <summary>Raises one group of nodes at a time to f32 and looks at the outputs.</summary>
public static class PrecisionBisect
{
    /// <exception cref="DiagnosticException">TCC6037: the model is compiled for f32 already.</exception>
    public static BisectReport Run(AccuracyRun run, NodeGrouping grouping, IProgress<string>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.Options.Precision == Precision.F32)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC6037", "all nodes compute in f32 already: there is nothing to raise", help: "choose the precision that is in question (--precision bf16)"), FailureKind.Usage);
        }
        ErrorMeasures least = Worst(run, run.ChipOutputs);
        var rows = new List<BisectRow>();
        foreach (NodeGroup group in NodeGroups.Of(run.Graph, grouping))
        {
            progress?.Report($"{group.Name} in f32");
            rows.Add(Row(group.Name, group.Nodes.Count, MixedPrecision.Outputs(run, group.Nodes.ToHashSet())));
        }
        BisectRow all = Row("all nodes", run.Graph.Nodes.Count, MixedPrecision.Outputs(run, run.Graph.Nodes.ToHashSet()));
        return new BisectReport(run.Name, new BisectRow(null, 0, least, 0), all, [.. rows.OrderByDescending(r => r.Gain)]);

        BisectRow Row(string name, int nodes, IReadOnlyDictionary<string, Tensor> outputs)
        {
            ErrorMeasures errors = Worst(run, outputs);
            double gain = errors.SignalToNoise.Equals(least.SignalToNoise) ? 0 : errors.SignalToNoise - least.SignalToNoise;
            return new BisectRow(name, nodes, errors, gain);
        }
    }

    /// <summary>Of the output with the lowest signal-to-noise ratio.</summary>
    private static ErrorMeasures Worst(AccuracyRun run, IReadOnlyDictionary<string, Tensor> outputs) =>
        run.Compare(outputs, null).Select(o => o.Errors).MinBy(e => double.IsNaN(e.SignalToNoise) ? double.NegativeInfinity : e.SignalToNoise);
}
