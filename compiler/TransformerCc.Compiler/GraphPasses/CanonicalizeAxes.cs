using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// The vector engine works along rows: softmax, running sums and reductions over other axes become the same over the last axes between
/// transposes.
/// </summary>
public sealed class CanonicalizeAxes : RewritePass
{
    public override string Name => "canonicalize-axes";

    protected override Value? Rewrite(Node node, GraphEditor editor, PassContext context)
    {
        int rank = node.Inputs.Count == 0 ? 0 : node.Inputs[0].Type.Rank;
        switch (node.Op)
        {
            case Softmax softmax when softmax.Axis != rank - 1:
                return OverLastAxis(softmax.Axis, new Softmax(rank - 1));
            case CumSum scan when scan.Axis != rank - 1:
                return OverLastAxis(scan.Axis, scan with { Axis = rank - 1 });
            case Reduce reduce when !reduce.Axes.Order().SequenceEqual(Enumerable.Range(rank - reduce.Axes.Count, reduce.Axes.Count).Select(a => (long)a)):
                {
                    long[] kept = [.. Enumerable.Range(0, rank).Select(i => (long)i).Where(i => !reduce.Axes.Contains(i))];
                    Value moved = editor.Add(new Transpose(kept.Concat(reduce.Axes.Order()).ToEquatableArray()), node.Inputs);
                    EquatableArray<long> axes = Enumerable.Range(kept.Length, reduce.Axes.Count).Select(i => (long)i).ToEquatableArray();
                    Value reduced = editor.Add(new Reduce(reduce.Function, axes, KeepDims: false), [moved]);
                    return editor.Add(new Reshape(node.Output.Type.Shape), [reduced]);
                }
            default:
                return null;
        }

        Value OverLastAxis(int axis, Operator op)
        {
            EquatableArray<long> swap = Enumerable.Range(0, rank).Select(i => (long)(i == axis ? rank - 1 : i == rank - 1 ? axis : i)).ToEquatableArray();
            Value last = editor.Add(op, [editor.Add(new Transpose(swap), node.Inputs)]);
            return editor.Add(new Transpose(swap), [last]);
        }
    }
}
