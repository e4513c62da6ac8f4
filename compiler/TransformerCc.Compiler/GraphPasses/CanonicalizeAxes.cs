using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// The vector engine reduces rows: softmax and reductions over other axes become the same over the last axes between
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
                {
                    EquatableArray<long> swap = Enumerable.Range(0, rank).Select(i => (long)(i == softmax.Axis ? rank - 1 : i == rank - 1 ? softmax.Axis : i)).ToEquatableArray();
                    Value last = editor.Add(new Softmax(rank - 1), [editor.Add(new Transpose(swap), node.Inputs)]);
                    return editor.Add(new Transpose(swap), [last]);
                }
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
    }
}
