using TransformerCc.Compiler.GraphIR;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// Consecutive iterations of the same operators: layer after layer, or groups of layers. One iteration is lowered, inside a
/// loop; the others differ from it by what <see cref="Members"/> lists.
/// </summary>
internal sealed class LayerRun
{
    /// <summary>The nodes of each iteration, position by position the same operators.</summary>
    public required IReadOnlyList<IReadOnlyList<Node>> Iterations { get; init; }

    /// <summary>The nodes that are lowered.</summary>
    public IReadOnlyList<Node> Body => Iterations[0];

    public int Count => Iterations.Count;

    /// <summary>
    /// For each constant, input or output of the body that every iteration has one of its own of: those of all iterations.
    /// </summary>
    public Dictionary<Value, Value[]> Members { get; } = [];

    /// <summary>For each result of the body that the next iteration reads: what the first iteration reads in its place.</summary>
    public Dictionary<Value, Value> Carried { get; } = [];

    /// <summary>The values of <see cref="Carried"/> that have to stay as they are.</summary>
    public HashSet<Value> Copied { get; } = [];

    /// <summary>The tensors of constants in <see cref="Members"/>, by that of the body.</summary>
    public Dictionary<Tensor, Tensor[]> Weights { get; } = new(ReferenceEqualityComparer.Instance);
}
