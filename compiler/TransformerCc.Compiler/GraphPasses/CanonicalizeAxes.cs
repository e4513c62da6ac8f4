using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// The vector engine works along rows: softmax, running sums and reductions over other axes become the same over the last axes between
/// transposes. Reductions of whole tensors become one for each axis.
/// </summary>
public sealed class CanonicalizeAxes : RewritePass
{
    public override string Name => "canonicalize-axes";

    /// <summary>
    /// Elements that a reduction over several axes may have in one row; more are reduced axis by axis, so that a row of the
    /// scratchpad need not hold a whole tensor of unknown lengths.
    /// </summary>
    private const long MaximumRow = 1 << 16;

    private static bool IsWide(Graph graph, Value x, int first) =>
        x.Type.Rank - first > 1 && DimExpr.Product(x.Type.Shape.Skip(first)).Bounds(graph.Dimensions).Upper > MaximumRow;

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        int rank = node.Inputs.Count == 0 ? 0 : node.Inputs[0].Type.Rank;
        switch (node.Op)
        {
            case Softmax softmax when softmax.Axis != rank - 1:
                return OverLastAxis(softmax.Axis, new Softmax(rank - 1));
            case CumSum scan when scan.Axis != rank - 1:
                return OverLastAxis(scan.Axis, scan with { Axis = rank - 1 });
            case Reduce reduce when reduce.Parts(node.Inputs[0].Type) is null:
                {
                    long[] kept = [.. Enumerable.Range(0, rank).Select(i => (long)i).Where(i => !reduce.Axes.Contains(i))], order = [.. kept, .. reduce.Axes.Order()];
                    bool trailing = order.SequenceEqual(order.Order());
                    if (trailing && !IsWide(editor.Graph, node.Inputs[0], kept.Length))
                    {
                        return null;
                    }
                    Value moved = trailing ? node.Inputs[0] : editor.Add(new Transpose(order.ToEquatableArray()), node.Inputs);
                    return editor.Add(new Reshape(node.Output.Type.Shape), [Reduced(editor, moved, reduce.Function, kept.Length)]);
                }
            default:
                return null;
        }

        static Value Reduced(GraphEditor editor, Value x, ReduceOp function, int first)
        {
            while (IsWide(editor.Graph, x, first))
            {
                x = editor.Add(new Reduce(function, [x.Type.Rank - 1], KeepDims: false), [x]);
                function = function is ReduceOp.SumSquares or ReduceOp.SumAbs ? ReduceOp.Sum : function;
            }
            EquatableArray<long> axes = Enumerable.Range(first, x.Type.Rank - first).Select(i => (long)i).ToEquatableArray();
            return editor.Add(new Reduce(function, axes, KeepDims: false), [x]);
        }

        Value OverLastAxis(int axis, Operator op)
        {
            EquatableArray<long> swap = Enumerable.Range(0, rank).Select(i => (long)(i == axis ? rank - 1 : i == rank - 1 ? axis : i)).ToEquatableArray();
            Value last = editor.Add(op, [editor.Add(new Transpose(swap), node.Inputs)]);
            return editor.Add(new Transpose(swap), [last]);
        }
    }
}
