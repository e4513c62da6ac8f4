using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// A convolution takes in what follows as long as nothing else reads the intermediate value: an activation, the transpose that
/// puts its channels last (patch embeddings flatten the positions before it), and then a sum, as positions of an audio stem are.
/// </summary>
public sealed class FuseConvolution : RewritePass
{
    public override string Name => "fuse-convolution";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context) => node.Op switch
    {
        Unary op when FuseLinear.IsActivation(op.Function) && ConvBehind(node.Inputs[0], editor) is { Op: Conv { Activation: null, ChannelsLast: false } conv } behind =>
            editor.Add(conv with { Activation = op.Function }, behind.Inputs),
        Transpose op => ChannelsLast(op, node, editor),
        Binary { Function: BinaryOp.Add } => Sum(node, editor),
        _ => null,
    };

    private static Value? ChannelsLast(Transpose op, Node node, GraphEditor editor)
    {
        int last = op.Permutation.Count - 1;
        if (last < 2 || op.Permutation[0] != 0 || op.Permutation[last] != 1 || !Enumerable.Range(1, last - 1).All(i => op.Permutation[i] == i + 1))
        {
            return null;
        }
        Value rows = node.Inputs[0];
        if (editor.Uses(rows) == 1 && rows is { Producer.Op: Reshape, Type.Rank: 3 } && rows.Type.Shape[1] == rows.Producer.Inputs[0].Type.Shape[1])
        {
            // All positions in one dimension.
            return ConvBehind(rows.Producer.Inputs[0], editor) is { Op: Conv { ChannelsLast: false } planar } patches
                ? editor.Add(new Reshape(node.Output.Type.Shape), [editor.Add(planar with { ChannelsLast = true }, patches.Inputs)]) : null;
        }
        return ConvBehind(rows, editor) is { Op: Conv { ChannelsLast: false } conv } behind ? editor.Add(conv with { ChannelsLast = true }, behind.Inputs) : null;
    }

    private static Value? Sum(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2; i++)
        {
            Value added = node.Inputs[1 - i];
            if (node.Inputs[i].Type == node.Output.Type && ConvBehind(node.Inputs[i], editor) is { Op: Conv { ChannelsLast: true, HasResidual: false } conv } behind
                && Before(added, behind, editor) && Residual(added, node.Output.Type, editor) is { } residual)
            {
                return editor.Add(conv with { HasResidual = true }, [.. behind.Inputs, residual]);
            }
        }
        return null;
    }

    /// <summary>A sum may be computed after the convolution; what it adds must not depend on it.</summary>
    private static bool Before(Value added, Node convolution, GraphEditor editor) =>
        added.Producer is not { } producer || editor.Graph.Nodes.IndexOf(producer) < editor.Graph.Nodes.IndexOf(convolution);

    /// <summary>What is added, with the shape of the result or of one of its batch.</summary>
    private static Value? Residual(Value added, TensorType result, GraphEditor editor)
    {
        EquatableArray<Isa.Symbolic.DimExpr> one = result.Shape.Skip(1).ToEquatableArray();
        if (added.Type == result || (added.Type.Element == result.Element && added.Type.Shape == one))
        {
            return added;
        }
        return added.ConstantData is { } data && added.Type.Element == result.Element && added.Type.Rank == result.Rank && added.Type.Shape[0].Is(1) && added.Type.Shape.Skip(1).SequenceEqual(one)
            ? editor.Constant(data.Reshape(data.Shape[1..].ToArray()), added.Name) : null;
    }

    private static Node? ConvBehind(Value value, GraphEditor editor) => editor.Uses(value) == 1 && value.Producer is { Op: Conv } conv ? conv : null;
}
