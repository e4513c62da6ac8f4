using TransformerCc.Compiler.GraphIR;
using TransformerCc.Compiler.GraphIR.Operators;
using TransformerCc.Isa.Symbolic;

namespace TransformerCc.Compiler.Importers.Onnx.Operators;

/// <summary>A tensor of heads with the order of its dimensions, as the attention operators pass it along.</summary>
internal readonly record struct Heads(Value Tensor, HeadLayout Layout)
{
    public DimExpr Batch => Tensor.Type.Shape[Layout.Axes().Batch];

    public DimExpr Count => Tensor.Type.Shape[Layout.Axes().Head];

    public DimExpr Length => Tensor.Type.Shape[Layout.Axes().Sequence];

    public DimExpr Width => Tensor.Type.Shape[Layout.Axes().Width];

    /// <summary>[batch, length, heads·width] as heads.</summary>
    public static Heads Split(NodeContext n, Value x, DimExpr heads)
    {
        if (x.Type.Rank != 3 || x.Type.Shape[2].ConstantValue is not { } total || heads.ConstantValue is not > 0 and not null || heads.ConstantValue is not { } count || total % count != 0)
        {
            throw ImportException.Invalid($"{x.Type} is not [batch, length, width] with a width that {heads} heads share evenly");
        }
        return new Heads(n.Reshape(x, [x.Type.Shape[0], x.Type.Shape[1], heads, total / count]), HeadLayout.BSHD);
    }

    /// <summary>Heads as they are when x has four dimensions, which are batch, heads, length, width; split otherwise.</summary>
    public static Heads Of(NodeContext n, Value x, DimExpr heads) => x.Type.Rank == 4 ? new Heads(x, HeadLayout.BHSD) : Split(n, x, heads);

    /// <summary>In the order batch, heads, length, width.</summary>
    public Heads HeadMajor(NodeContext n) => Layout == HeadLayout.BHSD ? this : new Heads(n.Transpose(Tensor, 0, 2, 1, 3), HeadLayout.BHSD);

    /// <summary>[batch, length, heads·width].</summary>
    public Value Merge(NodeContext n)
    {
        Value x = Layout == HeadLayout.BHSD ? n.Transpose(Tensor, 0, 2, 1, 3) : Tensor;
        return n.Reshape(x, [Batch, Length, Count * Width]);
    }

    /// <summary>Past keys or values [batch, heads, past, width] with these behind them.</summary>
    public Heads After(NodeContext n, Value past)
    {
        Heads current = HeadMajor(n);
        Value before = Fitting.Fit(n, past, [Batch, Count, past.Type.Rank == 4 ? past.Type.Shape[2] : DimExpr.Zero, Width], "the past");
        return new Heads(n.Emit(new Concat(2), before, current.Tensor), HeadLayout.BHSD);
    }
}
