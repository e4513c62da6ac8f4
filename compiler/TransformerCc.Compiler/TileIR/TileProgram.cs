using System.Collections.Immutable;
using TransformerCc.Compiler.Tiling;
using TransformerCc.Isa.BinaryFile;
using TransformerCc.Isa.Chips;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.TileIR;

/// <summary>
/// A program as loops over tiles: buffers with a memory and a scope, and statements that each become one instruction.
/// Addresses and lengths are expressions over the graph's dimensions and the loop variables around them.
/// </summary>
public sealed class TileProgram
{
    public required ChipDescription Chip { get; init; }

    /// <summary>The model's symbolic dimensions with their intervals.</summary>
    public required SortedDictionary<string, DimInterval> Dimensions { get; init; }

    /// <summary>Values of dimensions that nothing else tells.</summary>
    public SortedDictionary<string, DimExpr> DimensionDefaults { get; init; } = new(StringComparer.Ordinal);

    public List<DramTensor> Tensors { get; } = [];

    public required WeightStream Weights { get; init; }

    /// <summary>The slots of the weight ring, in the order of their use. Their places are fixed; the planner leaves them free.</summary>
    public required ImmutableArray<TileBuffer> Ring { get; init; }

    public TileBlock Body { get; } = new();

    /// <summary>How its parts were cut into tiles, in order.</summary>
    public List<TilingChoice> Choices { get; } = [];

    /// <summary>Orders that lowerings make themselves, by name.</summary>
    public SortedDictionary<string, TileChannel> Channels { get; } = new(StringComparer.Ordinal);

    /// <summary>Entry i belongs to source tag i. The programs of one binary share it.</summary>
    public List<DebugEntry> Debug { get; init; } = [new("", "", "")];
}

/// <summary>A tensor in DRAM, dense and row-major.</summary>
/// <param name="Kind">Input, output, scratch or state; null for a constant, which lies in the weight section.</param>
/// <param name="Type">Storage format.</param>
public sealed record DramTensor(string Name, TensorKind? Kind, ElementType Type, ImmutableArray<DimExpr> Shape)
{
    /// <summary>Place in the weight section of a constant.</summary>
    public ConstantBlob? Blob { get; init; }

    /// <summary>
    /// In a loop of layers where each has a tensor of its own: the names of all, this one's first. Inside the loop this tensor
    /// stands for that of the iteration.
    /// </summary>
    public ImmutableArray<string> Members { get; init; } = [];

    /// <summary>What fills an input that is left out.</summary>
    public DimExpr? Fill { get; init; }

    /// <summary>What a state holds.</summary>
    public StateDescription? State { get; init; }

    public override string ToString() => $"@{Name}";
}

/// <summary>
/// A run of scratchpad memory, large enough for the upper bounds of all dimensions. It lives inside the block that declares it.
/// </summary>
/// <param name="orderedByHand">
/// Channels of its lowering order its users inside the block that declares it; it lives as long as that block. Towards
/// the outside the block is ordered as a whole.
/// </param>
/// <param name="livesInBlock">
/// It shares its place with nothing in its block: in the body of a loop, the next iteration may fill it as soon as its own readers are done.
/// </param>
public sealed class TileBuffer(string name, MemorySpace space, long bytes, bool orderedByHand = false, bool livesInBlock = false)
{
    public string Name { get; } = name;

    public MemorySpace Space { get; } = space;

    public long Bytes { get; } = bytes;

    public bool OrderedByHand { get; } = orderedByHand;

    public bool LivesInBlock { get; } = orderedByHand || livesInBlock;

    public override string ToString() => $"${Name}";
}

/// <summary>Statements in order, and the buffers that live no longer than they.</summary>
public sealed class TileBlock
{
    public List<TileBuffer> Buffers { get; } = [];

    public List<TileNode> Nodes { get; } = [];

    /// <summary>
    /// In the body of a loop: tensors of which each iteration touches a part of its own, so that none waits for another.
    /// </summary>
    public HashSet<DramTensor> OwnParts { get; } = [];
}

/// <summary>A loop, a scalar definition or a statement.</summary>
public abstract class TileNode;

/// <summary>Repeats a block for variable = 0 .. count − 1.</summary>
public sealed class TileLoop(string variable, DimExpr count) : TileNode
{
    public string Variable { get; } = variable;

    public DimExpr Count { get; } = count;

    public TileBlock Body { get; } = new();
}

/// <summary>Names the address of the tensor that belongs to an iteration, for the rest of the block.</summary>
/// <param name="tensor">One with <see cref="DramTensor.Members"/>.</param>
public sealed class TileAddress(DramTensor tensor, DimExpr iteration) : TileNode
{
    public DramTensor Tensor { get; } = tensor;

    public DimExpr Iteration { get; } = iteration;
}

/// <summary>Names the value of an expression for the rest of the block (a ragged tile's length, a block's start).</summary>
public sealed class TileLet(string name, DimExpr value) : TileNode
{
    public string Name { get; } = name;

    public DimExpr Value { get; } = value;
}
