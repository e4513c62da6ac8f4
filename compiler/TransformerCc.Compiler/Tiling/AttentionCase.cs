using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Keys or values.</summary>
/// <param name="Scales">Of codes.</param>
/// <param name="Added">The positions of this run, where <paramref name="Tensor"/> is read only up to them: they need not go through the cache first.</param>
internal sealed record BlockSource(HeadTensor Tensor, HeadTensor? Scales = null, HeadTensor? Added = null);

/// <summary>Some queries of some heads of a sequence.</summary>
/// <param name="Head">The first key head.</param>
/// <param name="First">The first query.</param>
/// <param name="Count">Queries.</param>
internal sealed record QueryTile(DimExpr Index, DimExpr Sequence, DimExpr Head, DimExpr First, DimExpr Count);

/// <summary>The keys that a tile sees.</summary>
/// <param name="FirstBlock">Number of the first block.</param>
/// <param name="End">One past the last position.</param>
/// <param name="Position">Of the tile's first query.</param>
/// <param name="Past">Positions that were there before this run.</param>
internal sealed record KeyRange(DimExpr FirstBlock, DimExpr End, DimExpr Position, DimExpr Past);

/// <summary>A block of keys; without length where there is none.</summary>
/// <param name="Start">Its first position.</param>
/// <param name="Past">Positions that were there before this run.</param>
internal sealed record KeyBlock(DimExpr Start, DimExpr Length, DimExpr Past)
{
    /// <summary>Positions of the block that were there before.</summary>
    public DimExpr Old => DimExpr.Max(DimExpr.Zero, DimExpr.Min(Length, Past - Start));
}

/// <summary>What distinguishes the attentions: which keys a query sees, and where they lie.</summary>
internal abstract record AttentionCase(Node Node, HeadTensor Query, HeadTensor Result, BlockSource Keys, BlockSource Values, float Scale, float SoftCap)
{
    /// <summary>Otherwise a row without visible keys is 0/0, as in plain softmax.</summary>
    public abstract bool ZeroWhereNothingIsSeen { get; }

    public virtual MaskKind Mask => MaskKind.None;

    /// <summary>Names the keys that a tile sees.</summary>
    public abstract KeyRange Range(TileBuilder builder, QueryTile tile);

    /// <summary>Where a block of positions lies that has to be brought.</summary>
    public virtual HeadPosition Place(TileBuilder builder, HeadPosition block) => block;

    /// <summary>First and one past last visible column of a block for the tile's first query, and how far both move with each query.</summary>
    public abstract (DimExpr Low, DimExpr High, int Slope) Limits(KeyRange range, KeyBlock block);
}
