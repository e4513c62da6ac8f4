using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Evaluates nodes whose operands are all constants, unless the result is much larger than what it is made of:
/// a broadcast of a number stays a broadcast, an index ramp stays a ramp. Weights are not made anew either: quantised
/// blocks stay blocks, and the transpose in front of a product is left for <see cref="FuseLinear"/>. What has more than 2 GiB, or
/// would have, is never evaluated.
/// </summary>
public sealed class FoldConstants : RewritePass
{
    /// <summary>Results of any size are folded when they are at most this many times as large as the operands (int8 to float).</summary>
    private const long Growth = 4;

    public override string Name => "fold-constants";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        if (node.Op is Iota or Broadcast or DequantizeBlocks || !node.Inputs.TrueForAll(v => v.IsConstant) || !Match.AllConstant(node.Output.Type.Shape) || Match.HasSymbols(node.Op))
        {
            return null;
        }
        if (node.Op is not Reshape && node.Inputs.Exists(v => v.ConstantData!.IsLong))
        {
            return null;
        }
        long bytes = node.Output.Type.Count.ConstantValue!.Value * node.Output.Type.Element.Size();
        if (bytes > Array.MaxLength && node.Op is not Reshape)
        {
            return null;
        }
        if (bytes > context.FoldedBytes && bytes > Growth * node.Inputs.Sum(v => (long)v.ConstantData!.ByteCount))
        {
            return null;
        }
        if (Match.IsTransposedWeight(node.Output) && !editor.Graph.IsOutput(node.Output)
            && editor.Graph.Nodes.Where(n => n.Inputs.Contains(node.Output)).All(n => IsProductWith(n, node.Output)))
        {
            return null;
        }
        try
        {
            return ConstantFunctions.Evaluate(node) is not { } value ? null : editor.Constant(value, node.Inputs.Count == 1 ? node.Inputs[0].Name : node.Output.Name);
        }
        catch (ShapeException e)
        {
            throw new DiagnosticException(Diagnostic.Error("TCC2103", $"{node.Op.Name} of constants has no value: {e.Message}", string.Join(", ", node.Sources)));
        }
    }

    /// <summary>A product of something computed with these weights.</summary>
    private static bool IsProductWith(Node node, Value weights) => node.Op is MatMul && !node.Inputs[0].IsConstant && !ReferenceEquals(node.Inputs[0], weights) && ReferenceEquals(node.Inputs[1], weights);
}
