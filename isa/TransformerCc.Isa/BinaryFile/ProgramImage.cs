using System.Collections.Immutable;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>Everything a TX1 binary holds, before writing and after reading. The layout of the file is the writer's.</summary>
public sealed record ProgramImage
{
    /// <summary>Name and fingerprint of the chip the program was made for.</summary>
    public required string ChipName { get; init; }

    /// <summary>SHA-256 of the chip's canonical JSON, lower-case hexadecimal.</summary>
    public required string ChipFingerprint { get; init; }

    public required ImmutableArray<EntryPoint> EntryPoints { get; init; }

    /// <summary>Number of 64-bit words of the parameter block. Word 0 is the DRAM address of the weight section.</summary>
    public required int ParameterCount { get; init; }

    public required ImmutableArray<DimensionSymbol> Dimensions { get; init; }

    public required ImmutableArray<TensorSymbol> Tensors { get; init; }

    public required WeightSection Weights { get; init; }

    /// <summary>Entry i describes source tag i; entry 0 is "no source".</summary>
    public required ImmutableArray<DebugEntry> Debug { get; init; }

    /// <summary>What the graph asks of any program for it, node by node; empty where nobody knows (hand-written assembly).</summary>
    public ImmutableArray<NodeWork> Work { get; init; } = [];

    /// <summary>How many sequences have positions in a state.</summary>
    public DimExpr Sequences(StateDescription state) => Tensors.First(t => t.Kind == TensorKind.Input && t.Name == state.Past).Shape[0];

    /// <summary>The options of the compilation as written, for <c>inspect</c>.</summary>
    public required ImmutableArray<string> Options { get; init; }

    /// <summary>Of a language model that came with one.</summary>
    public TokenizerData? Tokenizer { get; init; }
}

/// <param name="Name">"main", or "prefill" and "decode".</param>
public sealed record EntryPoint(string Name, ImmutableArray<Instruction> Instructions)
{
    /// <summary>
    /// Upper bounds below those of the program's dimensions, where this entry point was planned for fewer tokens. The first
    /// entry point has none; of those that can run the sizes at hand, the last is taken.
    /// </summary>
    public ImmutableArray<EntryLimit> Limits { get; init; } = [];
}

/// <summary>The most that an entry point takes of a dimension.</summary>
public sealed record EntryLimit(string Dimension, long Upper);

/// <summary>A symbolic dimension: the host stores its value in the parameter block before a run.</summary>
public sealed record DimensionSymbol(string Name, long Lower, long Upper, int ParameterIndex)
{
    /// <summary>Its value when no input shape tells it and nobody gives it; null: it must be told.</summary>
    public DimExpr? Default { get; init; }
}

public enum TensorKind : byte { Input, Output, Scratch, State }

/// <summary>
/// A tensor in DRAM that the host lays out for the actual sizes. Its address goes into the parameter block. Shapes are
/// expressions over <see cref="ProgramImage.Dimensions"/>. A scratch tensor is spill space, uninitialised at the start; a
/// state keeps its content between the runs of a session.
/// </summary>
/// <param name="Type">Element type the user sees (inputs, outputs) and the program reads or writes.</param>
public sealed record TensorSymbol(string Name, TensorKind Kind, ElementType Type, ImmutableArray<DimExpr> Shape, int ParameterIndex)
{
    /// <summary>An integer input that may be left out: what then fills it. Null for all others.</summary>
    public DimExpr? Fill { get; init; }

    /// <summary>What a state holds; null for all others.</summary>
    public StateDescription? State { get; init; }
}

/// <summary>Where position p of a sequence lies in a state.</summary>
public enum StateMode : byte
{
    /// <summary>In slot p.</summary>
    Append,
    /// <summary>In slot p modulo the number of slots.</summary>
    Circular,
    /// <summary>In slot p modulo the number of slots of a page: the one that the <see cref="StateDescription.PageTable"/> names.</summary>
    Paged,
}

/// <summary>
/// A state is a tensor that lives on between runs: a cache of keys or values with the axes batch or page, head, slot and width. A
/// run appends <paramref name="Length"/> positions to each sequence, after those that the input <paramref name="Past"/> counts.
/// </summary>
/// <param name="Past">An i64 input with one element for each sequence.</param>
/// <param name="Window">The most positions that a query sees, its own included; 0 for all.</param>
public sealed record StateDescription(StateMode Mode, string Past, DimExpr Length, long Window)
{
    /// <summary>The most positions of a sequence; null where the slots of an append state decide, or nothing does.</summary>
    public DimExpr? Positions { get; init; }

    /// <summary>The i64 input [sequences, pages of a sequence] of a program with paged states: which page of them holds which positions of a sequence.</summary>
    public const string PageTable = "page_table";

    /// <summary>A state that is paged has its pages in place of sequences.</summary>
    public const int BatchAxis = 0, SlotAxis = 2, Rank = 4;
}

/// <param name="Operation">The tile operation, e.g. "linear" or "attention/scores".</param>
/// <param name="Node">The graph node's name.</param>
/// <param name="Source">The names of the model's nodes it came from, comma separated.</param>
public sealed record DebugEntry(string Operation, string Node, string Source);

/// <summary>
/// The weight section: read-only bytes in stream order. Written piece by piece from the memory-mapped model, read as a
/// memory-mapped view; never held as a whole by the compiler.
/// </summary>
public abstract class WeightSection
{
    /// <summary>Bytes, a multiple of 64.</summary>
    public abstract long Length { get; }

    /// <summary>Writes exactly <see cref="Length"/> bytes.</summary>
    public abstract void WriteTo(Stream stream);
}
