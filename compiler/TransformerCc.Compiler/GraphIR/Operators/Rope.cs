using TransformerCc.Isa.Instructions;
using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// Rotary position embedding (Su et al. 2021): rotates pairs of the leading R elements of every head by angles of the
/// position; the rest of the head is copied. x is a tensor of heads [batch, sequence, heads, width] or
/// [batch, heads, sequence, width]; cos and sin hold R/2 columns and stretch to [batch, sequence, R/2].
/// y[p] = x[p]·cos − x[q]·sin, y[q] = x[q]·cos + x[p]·sin with (p, q) = (2j, 2j+1) or (j, j + R/2).
/// </summary>
public sealed record Rope(RopeKind Kind, HeadLayout Layout) : Operator, IOperator<Rope>
{
    public static string OperatorName => "rope";

    public override string Name => OperatorName;

    public static Rope Read(IAttributeReader reader) => new(reader.Word<RopeKind>("kind"), reader.Word<HeadLayout>("layout"));

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("kind", Kind);
        visitor.Word("layout", Layout);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 3, "x, cos, sin");
        TensorType x = inputs[0], cos = inputs[1];
        ShapeRules.ExpectFloat(x, "x");
        ShapeRules.ExpectFloat(cos, "cos");
        ShapeRules.Expect(cos == inputs[2], $"cos {cos} and sin {inputs[2]} must have the same type");
        ShapeRules.ExpectRank(x, 4, "x");
        ShapeRules.Expect(Layout != HeadLayout.BHDS, "x must be laid out bshd or bhsd");
        (DimExpr batch, _, DimExpr sequence, DimExpr width) = Layout.Split(x.Shape.AsSpan());
        ShapeRules.Expect(cos.Rank is 2 or 3, $"cos and sin must have two or three dimensions, are {cos}");
        DimExpr half = cos.Shape.Last;
        ShapeRules.Expect(half.ConstantValue is > 0 && width.ConstantValue >= 2 * half.ConstantValue,
            $"cos and sin of {half} columns rotate {half * 2} elements, heads have {width}");
        ShapeRules.Expect(Broadcasting.StretchesTo(cos.Shape, [batch, sequence, half]), $"cos and sin {cos.Shape} do not broadcast to [{batch}, {sequence}, {half}]");
        return ShapeRules.One(x);
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor x = inputs[0];
        (long batch, long heads, long sequence, long width) = Layout.Split(x.Shape);
        HeadAxes axes = Layout.Axes();
        long[] strides = Strided.RowMajor(x.Shape);
        long half = inputs[1].Shape[^1];
        long[] angles = Strided.Broadcast(inputs[1].Shape, [batch, sequence, half]);
        double[] values = TensorMath.Doubles(x), cos = TensorMath.Doubles(inputs[1]), sin = TensorMath.Doubles(inputs[2]);
        var walk = new StridedWalk([batch, heads, sequence], [strides[axes.Batch], strides[axes.Head], strides[axes.Sequence]]);
        for (long i = 0; i < batch * heads * sequence; i++, walk.Next())
        {
            Span<double> head = values.AsSpan((int)walk.Offset, (int)width);
            long row = (walk.Index[0] * angles[0]) + (walk.Index[2] * angles[1]);
            for (int j = 0; j < half; j++)
            {
                (int p, int q) = Kind == RopeKind.Interleaved ? (2 * j, (2 * j) + 1) : (j, j + (int)half);
                (double c, double s) = (cos[row + (j * angles[2])], sin[row + (j * angles[2])]);
                (head[p], head[q]) = ((head[p] * c) - (head[q] * s), (head[q] * c) + (head[p] * s));
            }
        }
        return [TensorMath.FromDoubles(x.Type, x.Shape, values)];
    }
}
