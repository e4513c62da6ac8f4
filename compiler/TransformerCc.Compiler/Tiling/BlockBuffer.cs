using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>
/// A block of keys or values of some heads as the matrix engine takes it: where it lies, if it is resident on lines, or
/// brought. Codes go through the vector engine, which has no way to WSP: the product reads them from ASP.
/// </summary>
internal sealed class BlockBuffer
{
    private readonly TileBuilder _builder;
    private readonly AttentionGeometry _geometry;
    private readonly BlockSource _source;
    private readonly long _stride, _width, _codeStride;

    /// <summary>Null for what is used where it lies.</summary>
    private readonly TurnBuffer? _block;
    private readonly TurnBuffer? _codes;
    private readonly TileBuffer? _factors;

    /// <param name="stride">Bytes of a row that is brought.</param>
    public BlockBuffer(TilingContext context, AttentionGeometry geometry, string name, long stride, long width, BlockSource source)
    {
        (_builder, _geometry, _source, _stride, _width, _codeStride) = (context.Builder, geometry, source, stride, width, Lines.RoundUp(width));
        if (source.Scales is null && source.Tensor.Format == geometry.Shape.Format && source.Tensor.InPlace(new HeadPosition(DimExpr.One, DimExpr.One, DimExpr.One), DimExpr.One, geometry.Block) is not null)
        {
            return;
        }
        long rows = geometry.Block * geometry.SetHeads;
        TileBuffer block = _builder.OrderedBuffer(name, source.Scales is null ? MemorySpace.Wsp : MemorySpace.Asp, stride * rows);
        if (source.Scales is null)
        {
            _block = source.Added?.Place.Mover == Engine.Copy
                ? new TurnBuffer(_builder, block, name, source.Tensor.Place.Mover, Engine.Copy, Engine.Matrix)
                : new TurnBuffer(_builder, block, name, source.Tensor.Place.Mover, Engine.Matrix);
            return;
        }
        _block = new TurnBuffer(_builder, block, name, Engine.Vector, Engine.Matrix);
        _codes = new TurnBuffer(_builder, _builder.OrderedBuffer($"{name}.codes", MemorySpace.Asp, _codeStride * rows), $"{name}.codes", source.Tensor.Place.Mover, Engine.Vector);
        _factors = _builder.OrderedBuffer($"{name}.scales", MemorySpace.Asp, sizeof(float) * rows);
    }

    /// <summary>Brings positions of the heads.</summary>
    /// <param name="position">Where the block lies in the cache.</param>
    public void Fill(HeadPosition position, KeyBlock block)
    {
        DimExpr length = block.Length;
        if (_block is null)
        {
            return;
        }
        if (_source.Scales is not { } scales)
        {
            void Bring(HeadTensor tensor, HeadPosition from, DimExpr first, DimExpr count) =>
                Read(tensor, _block.Buffer, first * _stride, _geometry.Shape.Format, _stride, _geometry.Block * _stride, from, count, _width);
            if (_source.Added is not { } added)
            {
                _block.Turn(0, () => Bring(_source.Tensor, position, DimExpr.Zero, length));
                return;
            }
            DimExpr old = block.Old;
            void BringOld() => Bring(_source.Tensor, position, DimExpr.Zero, old);
            void BringAdded() => Bring(added, position with { Position = DimExpr.Max(DimExpr.Zero, block.Start - block.Past) }, old, length - old);
            if (added.Place.Mover == Engine.Copy)
            {
                _block.Turn(0, BringOld);
                _block.Turn(1, BringAdded);
            }
            else
            {
                _block.Turn(0, () =>
                {
                    BringOld();
                    BringAdded();
                });
            }
            return;
        }
        // Heads lie close, so that one instruction decodes them all.
        _codes!.Turn(0, () =>
        {
            Read(_source.Tensor, _codes.Buffer, DimExpr.Zero, _source.Tensor.Format, _codeStride, length * _codeStride, position, length, _width);
            Read(scales, _factors!, DimExpr.Zero, ElementType.F32, sizeof(float), length * sizeof(float), position, length, 1);
        });
        _codes.Turn(1, () => _block.Turn(0, () =>
            _builder.Binary(BinaryOp.Mul, new VectorTile(_block.Buffer, DimExpr.Zero, _stride, _geometry.Shape.Format), new VectorTile(_codes.Buffer, DimExpr.Zero, _codeStride, _source.Tensor.Format),
                new VectorTile(_factors!, DimExpr.Zero, sizeof(float), ElementType.F32, 0), length * _geometry.SetHeads, _width)));
    }

    /// <summary>Multiplies with it, after which it may be filled again.</summary>
    public void Use(Action products)
    {
        if (_block is null)
        {
            products();
        }
        else
        {
            _block.Turn(_block.Turns - 1, products);
        }
    }

    /// <summary>Where the rows of a head begin, and their distance.</summary>
    /// <param name="position">Of the first head that was brought.</param>
    public (ScratchOperand Place, DimExpr RowStride) Rows(HeadPosition position, int head, DimExpr length)
    {
        if (_block is not null)
        {
            return (new ScratchOperand(_block.Buffer, (_source.Scales is null ? _geometry.Block : length) * _stride * head), _stride);
        }
        return (new ScratchOperand(_source.Tensor.Place.Buffer!, _source.Tensor.From(position with { Head = position.Head + head }).Offset), _source.Tensor.Sequence);
    }

    private void Read(HeadTensor source, TileBuffer buffer, DimExpr place, ElementType format, long rowStride, DimExpr headStride, HeadPosition position, DimExpr length, long width) =>
        source.Read(_builder, new StridedTile(buffer, place, format, new Extent3(headStride, rowStride, format.Size())), position, new Extent3(_geometry.SetHeads, length, width));
}
