using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphPasses;

/// <summary>
/// Common subexpressions: nodes with equal operators and operands become one, and so do constants of equal content.
/// </summary>
public sealed class MergeDuplicates : IGraphPass
{
    public string Name => "merge-duplicates";

    public void Run(Graph graph, PassContext context)
    {
        var constants = new Dictionary<Value, Value>(ConstantContent.Instance);
        var nodes = new Dictionary<(Operator, EquatableArray<Operand>), Node>();
        var replaced = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        foreach (Node node in graph.Nodes.ToArray())
        {
            for (int i = 0; i < node.Inputs.Count; i++)
            {
                node.Inputs[i] = Representative(node.Inputs[i]);
            }
            (Operator, EquatableArray<Operand>) key = (node.Op, node.Inputs.Select(v => new Operand(v)).ToEquatableArray());
            if (nodes.TryAdd(key, node))
            {
                continue;
            }
            Node first = nodes[key];
            first.Sources = [.. first.Sources.Union(node.Sources, StringComparer.Ordinal)];
            for (int i = 0; i < node.Outputs.Count; i++)
            {
                replaced.Add(node.Outputs[i], first.Outputs[i]);
            }
            context.CountRewrite();
        }
        graph.Nodes.RemoveAll(n => replaced.ContainsKey(n.Output));
        for (int i = 0; i < graph.Outputs.Count; i++)
        {
            graph.Outputs[i] = graph.Outputs[i] with { Value = Representative(graph.Outputs[i].Value) };
        }
        for (int i = 0; i < graph.States.Count; i++)
        {
            graph.States[i] = graph.States[i] with { Next = Representative(graph.States[i].Next) };
        }

        Value Representative(Value value)
        {
            if (value.IsConstant && !constants.TryAdd(value, value))
            {
                return constants[value];
            }
            return replaced.GetValueOrDefault(value, value);
        }
    }

    /// <summary>A value compared by identity.</summary>
    private readonly struct Operand(Value value) : IEquatable<Operand>
    {
        private readonly Value _value = value;

        public bool Equals(Operand other) => ReferenceEquals(_value, other._value);

        public override bool Equals(object? obj) => obj is Operand other && Equals(other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(_value);
    }

    /// <summary>Type and bytes. The hash looks at the ends only: equality decides, and model files are large.</summary>
    private sealed class ConstantContent : IEqualityComparer<Value>
    {
        private const int HashedBytes = 256;

        public static ConstantContent Instance { get; } = new();

        public bool Equals(Value? a, Value? b) =>
            ReferenceEquals(a, b) || (a!.Type == b!.Type && a.ConstantData!.HasBytesOf(b.ConstantData!));

        public int GetHashCode(Value value)
        {
            Tensor data = value.ConstantData!;
            int hashed = (int)long.Min(data.ByteCount, HashedBytes);
            HashCode hash = default;
            hash.Add(value.Type);
            hash.AddBytes(data.Bytes(0, hashed));
            hash.AddBytes(data.Bytes(data.ByteCount - hashed, hashed));
            return hash.ToHashCode();
        }
    }
}
