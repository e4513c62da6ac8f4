using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Tensors;
using Gather = TransformerCc.Compiler.GraphIR.Operators.Gather;
using MatMul = TransformerCc.Compiler.GraphIR.Operators.MatMul;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// A product with a constant matrix becomes a linear operator, which then takes in what follows as long as nothing else
/// reads the intermediate value: bias, activation, residual, in this order. Quantised blocks reach the product, or the
/// gather of rows, as they are.
/// </summary>
public sealed class FuseLinear : RewritePass
{
    public override string Name => "fuse-linear";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context) => node.Op switch
    {
        MatMul when Match.IsWeight(node.Inputs[1]) && !node.Inputs[0].IsConstant && node.Output.Type.Element.IsFloat() => Product(node, editor),
        Gather op => Rows(op, node, editor),
        Binary { Function: BinaryOp.Add } => Bias(node, editor) ?? Residual(node, editor),
        Unary op when IsActivation(op.Function) => Activation(op.Function, node, editor),
        _ => null,
    };

    /// <summary>Weights are taken as the model stores them: [K, N], transposed, or transposed in quantised blocks.</summary>
    private static Value Product(Node node, GraphEditor editor)
    {
        (Value x, Value w) = (node.Inputs[0], node.Inputs[1]);
        if (w.IsConstant)
        {
            return editor.Add(new Linear(null, false, false), [x, w]);
        }
        Value rows = w.Producer!.Inputs[0];
        return Match.Node(rows, out Node blocks, out DequantizeBlocks decoding)
            ? editor.Add(new Linear(null, false, false, Transposed: true, decoding.Format), [x, blocks.Inputs[0]])
            : editor.Add(new Linear(null, false, false, Transposed: true), [x, rows]);
    }

    /// <summary>Rows gathered from a table in blocks are decoded one by one: the table stays as it is.</summary>
    private static Value? Rows(Gather op, Node node, GraphEditor editor) =>
        op is { Axis: 0, Rows: null } && node.Inputs[0].Type.Rank == 2 && Match.Node(node.Inputs[0], out Node blocks, out DequantizeBlocks decoding)
            ? editor.Add(new Gather(0, new BlockRows(decoding.Format, decoding.Columns)), [blocks.Inputs[0], node.Inputs[1]]) : null;

    private static Value? Bias(Node node, GraphEditor editor)
    {
        for (int i = 0; i < 2; i++)
        {
            Value bias = node.Inputs[1 - i];
            if (!bias.IsConstant || LinearBehind(node.Inputs[i], node, editor) is not { Op: Linear { HasBias: false, Activation: null, HasResidual: false } op } linear
                || bias.Type.Rank == 0 || bias.Type.Shape.Last != node.Output.Type.Shape.Last || bias.Type.Count != bias.Type.Shape.Last)
            {
                continue;
            }
            Value row = bias.Type.Rank == 1 ? bias : editor.Constant(bias.ConstantData!.Reshape([bias.ConstantData.Count]), bias.Name);
            return editor.Add(op with { HasBias = true }, [.. linear.Inputs, row]);
        }
        return null;
    }

    private static Value? Activation(UnaryOp function, Node node, GraphEditor editor) =>
        LinearBehind(node.Inputs[0], node, editor) is { Op: Linear { Activation: null, HasResidual: false } op } linear
            ? editor.Add(op with { Activation = function }, linear.Inputs) : null;

    private static Value? Residual(Node node, GraphEditor editor)
    {
        // The later of two products takes the other as its residual: the earlier is complete by then.
        int[] order = editor.Graph.Nodes.IndexOf(node.Inputs[0].Producer!) > editor.Graph.Nodes.IndexOf(node.Inputs[1].Producer!) ? [0, 1] : [1, 0];
        foreach (int i in order)
        {
            if (node.Inputs[1 - i].Type == node.Output.Type && LinearBehind(node.Inputs[i], node, editor) is { Op: Linear { HasResidual: false } op } linear)
            {
                return editor.Add(op with { HasResidual = true }, [.. linear.Inputs, node.Inputs[1 - i]]);
            }
        }
        return null;
    }

    private static Node? LinearBehind(Value value, Node user, GraphEditor editor) =>
        editor.Uses(value) == 1 && value.Type == user.Output.Type && value.Producer is { Op: Linear } linear ? linear : null;

    internal static bool IsActivation(UnaryOp function) =>
        function is UnaryOp.Relu or UnaryOp.Tanh or UnaryOp.Sigmoid or UnaryOp.Silu or UnaryOp.GeluErf or UnaryOp.GeluTanh or UnaryOp.GeluQuick;
}
