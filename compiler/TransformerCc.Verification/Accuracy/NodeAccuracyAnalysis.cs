using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Evaluation;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Verification.Accuracy;

/// <summary>
/// Tells the error that a node adds from the one it inherits: its definition, evaluated on the chip's own operands, has only
/// the inherited one. Evaluated on those operands as the matrix engine rounds them, it has that of their format too; what is
/// then left between it and the chip's value arose inside the node.
/// </summary>
public static class NodeAccuracyAnalysis
{
    /// <summary>Error of about 3 % of the amplitude.</summary>
    public const double DefaultLeastSignalToNoise = 30;

    /// <param name="least">dB of the first node that is named.</param>
    public static NodeAccuracyReport Run(AccuracyRun run, double least = DefaultLeastSignalToNoise, Tolerance? rule = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        var nodes = new List<NodeAccuracy>();
        for (int i = 0; i < run.Graph.Nodes.Count; i++)
        {
            Node node = run.Graph.Nodes[i];
            // What shares the place of another value is no computation.
            if (node.Op is not (Reshape or CacheAppend) && node.Outputs.Exists(v => v.Type.Element.IsFloat() && run.Chip.ContainsKey(v)))
            {
                nodes.AddRange(Of(run, node, i));
            }
        }
        return new NodeAccuracyReport(run.Name, rule ?? ModelVerifier.RuleOf(run.Options.Precision, run.Graph), run.Compare(run.ChipOutputs, rule),
            [.. nodes.OrderBy(n => double.IsNaN(n.Added.SignalToNoise) ? double.NegativeInfinity : n.Added.SignalToNoise).ThenBy(n => n.Order)], least);
    }

    private static IEnumerable<NodeAccuracy> Of(AccuracyRun run, Node node, int order)
    {
        Tensor[] operands = [.. node.Inputs.Select(v => v.ConstantData ?? run.Chip.GetValueOrDefault(v) ?? run.Reference[v])];
        Tensor[] exact = GraphEvaluator.EvaluateNode(node, operands, run.Dimensions);
        (Tensor[] rounded, long saturated) = RoundedOperands.Round(node, operands, run.Options.Precision);
        Tensor[] ofRounded = rounded.SequenceEqual(operands) ? exact : GraphEvaluator.EvaluateNode(node, rounded, run.Dimensions);
        for (int o = 0; o < node.Outputs.Count; o++)
        {
            Value value = node.Outputs[o];
            if (!value.Type.Element.IsFloat() || !run.Chip.TryGetValue(value, out Tensor? actual))
            {
                continue;
            }
            double[] a = TensorMath.Doubles(actual), e = TensorMath.Doubles(exact[o]), f = TensorMath.Doubles(ofRounded[o]);
            yield return new NodeAccuracy(value.Name, node.Op.Name, node.Sources, order, ErrorMeasures.Of(a, TensorMath.Doubles(run.Reference[value])), ErrorMeasures.Of(a, e),
                Noise(f, e), Noise(a, f), saturated + Overflows(a, e));
        }
    }

    private static double Noise(double[] actual, double[] golden)
    {
        double sum = 0;
        for (int i = 0; i < golden.Length; i++)
        {
            double error = ErrorMeasures.ErrorOf(actual[i], golden[i]);
            sum += error * error;
        }
        return sum;
    }

    private static long Overflows(double[] actual, double[] golden)
    {
        long count = 0;
        for (int i = 0; i < golden.Length; i++)
        {
            count += double.IsFinite(golden[i]) && double.IsInfinity(actual[i]) ? 1 : 0;
        }
        return count;
    }
}
