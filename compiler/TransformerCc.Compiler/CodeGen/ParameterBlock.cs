using System.Collections.Immutable;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.CodeGen;

/// <summary>
/// The words that the host writes before a run: the address of the weights, every dimension, the address of every tensor.
/// The programs of a binary share them, so that any of them can run.
/// </summary>
internal sealed class ParameterBlock
{
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal) { [OperandResolver.WeightBase] = 0 };
    private readonly List<DramTensor> _tensors = [];

    /// <param name="programs">The first has the bounds of the binary.</param>
    public ParameterBlock(IEnumerable<TileProgram> programs)
    {
        foreach (TileProgram tiles in programs)
        {
            foreach (string dimension in tiles.Dimensions.Keys)
            {
                _indices.TryAdd(dimension, _indices.Count);
            }
        }
        var known = new Dictionary<string, DramTensor>(StringComparer.Ordinal);
        foreach (DramTensor tensor in programs.SelectMany(p => p.Tensors).Where(t => t.Kind is not null))
        {
            // The tensors of a loop's iterations follow each other: a register finds the one of an iteration.
            foreach (string name in tensor.Members.Prepend(tensor.Name))
            {
                _indices.TryAdd(OperandResolver.AddressSymbol(tensor.Kind, name), _indices.Count);
            }
            if (known.TryAdd(tensor.Name, tensor))
            {
                _tensors.Add(tensor);
            }
            else if (known[tensor.Name] is var other && (other.Kind != tensor.Kind || other.Type != tensor.Type || !other.Shape.SequenceEqual(tensor.Shape)))
            {
                throw new InvalidOperationException($"two programs disagree about tensor {tensor.Name}");
            }
        }
    }

    public int Count => _indices.Count;

    public int? Find(string symbol) => _indices.TryGetValue(symbol, out int index) ? index : null;

    public ImmutableArray<DimensionSymbol> Dimensions(TileProgram bounds) =>
        [.. bounds.Dimensions.Select(d => new DimensionSymbol(d.Key, d.Value.Lower, d.Value.Upper, _indices[d.Key]) { Default = bounds.DimensionDefaults.GetValueOrDefault(d.Key) })];

    public ImmutableArray<TensorSymbol> Tensors() =>
        [.. _tensors.Select(t => new TensorSymbol(t.Name, t.Kind!.Value, t.Type, t.Shape, _indices[OperandResolver.AddressSymbol(t)]) { Fill = t.Fill, State = t.State })];

    /// <summary>Where a program was planned for less than the first.</summary>
    public static ImmutableArray<EntryLimit> Limits(TileProgram program, TileProgram bounds) =>
        [.. program.Dimensions.Where(d => d.Value.Upper < bounds.Dimensions[d.Key].Upper).Select(d => new EntryLimit(d.Key, d.Value.Upper))];
}
