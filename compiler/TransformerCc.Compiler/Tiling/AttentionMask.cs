using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Compiler.TileIR;
using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Operands;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Tiling;

/// <summary>Masks scores where the softmax cannot do it alone: adds to them, or hides them where the mask is false.</summary>
internal sealed class AttentionMask
{
    private readonly TilingContext _context;
    private readonly TileBuilder _builder;
    private readonly AttentionCase _case;
    private readonly AttentionGeometry _geometry;
    private readonly ValuePlace _place;

    /// <summary>Byte strides of sequence, head, query and key; 0 where the mask is stretched.</summary>
    private readonly DimExpr[] _strides;
    private readonly TurnBuffer _mask;

    /// <summary>The score of hidden keys.</summary>
    private readonly TileBuffer? _hidden;

    public AttentionMask(TilingContext context, AttentionCase attention, AttentionGeometry geometry, int set)
    {
        (_context, _builder, _case, _geometry) = (context, context.Builder, attention, geometry);
        Value mask = attention.Node.Inputs[3];
        _place = context.Storage.Place(mask);
        EquatableArray<DimExpr> shape = mask.Type.Shape;
        DimExpr[] strides = ByteStrides.Of(shape, _place.Format.Size());
        _strides = [.. Enumerable.Range(shape.Count - 4, 4).Select(own => own >= 0 && !shape[own].Is(1) ? strides[own] : DimExpr.Zero)];
        string name = FormattableString.Invariant($"mask{set}");
        _mask = new TurnBuffer(_builder, _builder.OrderedBuffer(name, MemorySpace.Asp, RowBytes * (IsOneRow ? 1 : geometry.SetRows)), name, _place.Mover, Engine.Vector);
        if (attention.Mask == MaskKind.Boolean)
        {
            _hidden = _builder.Buffer("hidden", MemorySpace.Asp, Lines.Bytes);
            _builder.Fill(new ScratchOperand(_hidden, DimExpr.Zero), ElementType.F32, DimExpr.Zero, DimExpr.One, DimExpr.One, BitConverter.SingleToUInt32Bits(float.NegativeInfinity));
        }
    }

    private long RowBytes => Lines.RoundUp(_geometry.Block * _place.Format.Size());

    /// <summary>Whether all rows of a sequence have the same mask, which is then there once.</summary>
    private bool IsOneRow => _strides[1].Is(0) && _strides[2].Is(0);

    /// <param name="head">The first key head.</param>
    public void Load(QueryTile tile, DimExpr head, KeyBlock block)
    {
        _context.SetSource("attention/mask", _case.Node);
        var box = IsOneRow ? new Extent3(DimExpr.One, DimExpr.One, block.Length) : new Extent3(_geometry.SetHeads * _geometry.Shape.Group, tile.Count, block.Length);
        DimExpr place = (tile.Sequence * _strides[0]) + (head * _geometry.Shape.Group * _strides[1]) + (tile.First * _strides[2]) + (block.Start * _strides[3]);
        _mask.Turn(0, () => _place.From(place, new Extent3(_strides[1], _strides[2], _strides[3]))
            .Read(_builder, new StridedTile(_mask.Buffer, DimExpr.Zero, _place.Format, new Extent3(tile.Count * RowBytes, RowBytes, _place.Format.Size())), box));
    }

    public void Apply(KeyBlock block, VectorTile scores, DimExpr rows)
    {
        _context.SetSource("attention/mask", _case.Node);
        VectorTile mask = new(_mask.Buffer, DimExpr.Zero, IsOneRow ? 0 : RowBytes, _place.Format);
        _mask.Turn(1, () =>
        {
            if (_hidden is not null)
            {
                _builder.Select(scores, mask, scores, new VectorTile(_hidden, DimExpr.Zero, DimExpr.Zero, ElementType.F32, 0), rows, block.Length);
            }
            else
            {
                _builder.Binary(BinaryOp.Add, scores, scores, mask, rows, block.Length);
            }
        });
    }
}
