using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Tests.LongTensors;

/// <summary>A few bytes as long ones: whoever reads a tensor of them as a whole fails, without gigabytes in a test.</summary>
internal sealed class MemoryBytes(byte[] bytes, string location = "memory") : LongBytes
{
    public override long Length => bytes.Length;

    public override string Location => location;

    protected override ReadOnlyMemory<byte> View(long offset, int length) => bytes.AsMemory((int)offset, length);

    public static Tensor ToLong(Tensor tensor) => new(tensor.Type, tensor.Shape, new MemoryBytes(tensor.Data.ToArray()));

    /// <summary>Makes constants long; one that several nodes read stays one.</summary>
    public static void MakeLong(Graph graph, Func<Node, int, bool> chosen)
    {
        var made = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        foreach (Node node in graph.Nodes)
        {
            for (int i = 0; i < node.Inputs.Count; i++)
            {
                if (node.Inputs[i].ConstantData is { } data && chosen(node, i))
                {
                    node.Inputs[i] = made.TryGetValue(node.Inputs[i], out Value? known) ? known : made[node.Inputs[i]] = graph.Constant(ToLong(data), node.Inputs[i].Name);
                }
            }
        }
    }
}
