using TransformerCc.Compiler.GraphIR;

namespace TransformerCc.Verification.Stages;

/// <summary>What a graph consists of: whether a pass has changed anything costs nothing beside evaluating it again.</summary>
internal sealed class GraphSnapshot
{
    private readonly (Operator Op, Value[] Inputs, (Value Value, TensorType Type)[] Outputs)[] _nodes;
    private readonly GraphOutput[] _outputs;
    private readonly GraphState[] _states;

    public GraphSnapshot(Graph graph)
    {
        _nodes = [.. graph.Nodes.Select(n => (n.Op, n.Inputs.ToArray(), n.Outputs.Select(v => (v, v.Type)).ToArray()))];
        (_outputs, _states) = ([.. graph.Outputs], [.. graph.States]);
    }

    public bool IsSame(GraphSnapshot other) =>
        _outputs.SequenceEqual(other._outputs) && _states.SequenceEqual(other._states)
        && _nodes.Length == other._nodes.Length && _nodes.Zip(other._nodes).All(p => p.First.Op.Equals(p.Second.Op) && p.First.Inputs.SequenceEqual(p.Second.Inputs) && p.First.Outputs.SequenceEqual(p.Second.Outputs));
}
