namespace TransformerCc.Verification.Accuracy;

/// <summary>Where most of the error that a node adds comes from.</summary>
public enum ErrorCause
{
    /// <summary>The node adds none.</summary>
    None,

    /// <summary>Its operands are rounded to the format that the matrix engine multiplies in.</summary>
    Operands,

    /// <summary>Sums, functions and intermediate results are rounded inside the node.</summary>
    Accumulation,

    /// <summary>Values exceed what a format can hold.</summary>
    Saturation,
}

/// <summary>One node of the graph on the chip.</summary>
/// <param name="Value">Its result.</param>
/// <param name="Sources">The model's nodes it stands for.</param>
/// <param name="Order">Place in the graph.</param>
/// <param name="Total">The chip's value against the reference: what the node inherits included.</param>
/// <param name="Added">The chip's value against what the node's definition makes of the chip's own operands.</param>
/// <param name="OperandNoise">Σ error² through rounding of the operands alone.</param>
/// <param name="InsideNoise">Σ error² of the rest.</param>
/// <param name="Saturated">Elements that became infinite through rounding, among operands and results.</param>
public sealed record NodeAccuracy(
    string Value, string Operator, IReadOnlyList<string> Sources, int Order, ErrorMeasures Total, ErrorMeasures Added, double OperandNoise, double InsideNoise, long Saturated)
{
    public ErrorCause Cause => Saturated > 0 ? ErrorCause.Saturation
        : OperandNoise == 0 && InsideNoise == 0 ? ErrorCause.None
        : OperandNoise >= InsideNoise ? ErrorCause.Operands : ErrorCause.Accumulation;
}

/// <summary>How accurate every node of a model is on the chip.</summary>
/// <param name="Case">Which inputs.</param>
/// <param name="Outputs">The model's outputs against the reference.</param>
/// <param name="Nodes">With a float result; those that add the most error first.</param>
/// <param name="LeastSignalToNoise">dB.</param>
public sealed record NodeAccuracyReport(string Case, Tolerance Rule, IReadOnlyList<OutputComparison> Outputs, IReadOnlyList<NodeAccuracy> Nodes, double LeastSignalToNoise)
{
    /// <summary>In the graph's order, the first node whose value is less exact than asked for; null when none is.</summary>
    public NodeAccuracy? FirstBelow => Nodes.OrderBy(n => n.Order).FirstOrDefault(n => !(n.Total.SignalToNoise >= LeastSignalToNoise));
}
