using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// softmax(q·kᵀ·Scale, masked)·v for every head: q, k, v and perhaps a mask. H query heads share Hk key and value heads,
/// H = G·Hk: query head h uses key head ⌊h / G⌋. The mask stretches to [batch, H, queries, keys]: added to the scores, or
/// hiding keys where it is false. With a causal offset, key j is visible to query i where j ≤ i + CausalOffset.
/// A query that sees no key gives 0 (but a row of an additive mask of −∞ gives NaN, as plain softmax does).
/// With a soft cap c, scaled scores become c·tanh(score / c) ahead of every mask (Gemma 2).
/// </summary>
public sealed record Attention(HeadLayout Query, HeadLayout Key, HeadLayout Value, HeadLayout Result, float Scale, MaskKind Mask, DimExpr? CausalOffset)
    : Operator, IOperator<Attention>
{
    public static string OperatorName => "attention";

    public override string Name => OperatorName;

    /// <summary>Bound of the scaled scores; 0 for none.</summary>
    public float SoftCap { get; init; }

    public static Attention Read(IAttributeReader reader) => new(
        reader.Word<HeadLayout>("query"), reader.Word<HeadLayout>("key"), reader.Word<HeadLayout>("value"), reader.Word<HeadLayout>("result"),
        (float)reader.Float("scale"), reader.Word<MaskKind>("mask"), reader.Has("causal_offset") ? reader.Dim("causal_offset") : null)
    {
        SoftCap = reader.Has("soft_cap") ? (float)reader.Float("soft_cap") : 0,
    };

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("query", Query);
        visitor.Word("key", Key);
        visitor.Word("value", Value);
        visitor.Word("result", Result);
        visitor.Float("scale", Scale);
        visitor.Word("mask", Mask);
        if (CausalOffset is not null)
        {
            visitor.Dim("causal_offset", CausalOffset);
        }
        if (SoftCap != 0)
        {
            visitor.Float("soft_cap", SoftCap);
        }
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        bool masked = Mask != MaskKind.None;
        ShapeRules.ExpectOperands(inputs, masked ? 4 : 3, masked ? "q, k, v, mask" : "q, k, v");
        foreach (TensorType heads in inputs.Take(3))
        {
            ShapeRules.ExpectFloat(heads, "q, k and v");
            ShapeRules.ExpectRank(heads, 4, "each of q, k and v");
            ShapeRules.ExpectSameElement(inputs[0], heads, "q", "k or v");
        }
        ShapeRules.Expect(Result != HeadLayout.BHDS, "the result must be laid out bshd or bhsd");
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr width) = Query.Split(inputs[0].Shape.AsSpan());
        (DimExpr keyBatch, DimExpr keyHeads, DimExpr keys, DimExpr keyWidth) = Key.Split(inputs[1].Shape.AsSpan());
        (DimExpr valueBatch, DimExpr valueHeads, DimExpr values, DimExpr valueWidth) = Value.Split(inputs[2].Shape.AsSpan());
        ShapeRules.ExpectEqual(batch, keyBatch, "the batch of q", "the batch of k");
        ShapeRules.ExpectEqual(batch, valueBatch, "the batch of q", "the batch of v");
        ShapeRules.ExpectEqual(width, keyWidth, "the head width of q", "the head width of k");
        ShapeRules.ExpectEqual(keyHeads, valueHeads, "the heads of k", "the heads of v");
        ShapeRules.ExpectEqual(keys, values, "the length of k", "the length of v");
        ShapeRules.Expect(queryHeads.ConstantValue is > 0 and { } h && keyHeads.ConstantValue is > 0 and { } hk && h % hk == 0,
            $"{queryHeads} query heads must be a constant multiple of {keyHeads} key heads");
        if (masked)
        {
            TensorType mask = inputs[3];
            ShapeRules.Expect(Mask == MaskKind.Boolean ? mask.Element == ElementType.Bool : mask.Element.IsFloat(), $"a {Mask} mask cannot be {mask}");
            ShapeRules.Expect(Broadcasting.StretchesTo(mask.Shape, [batch, queryHeads, queries, keys]), $"mask {mask.Shape} does not broadcast to [{batch}, {queryHeads}, {queries}, {keys}]");
        }
        return ShapeRules.One(inputs[0].Element, Result.Join(batch, queryHeads, queries, valueWidth).ToEquatableArray());
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        (long batch, long heads, long queries, long width) = Query.Split(inputs[0].Shape);
        (_, long keyHeads, long keys, _) = Key.Split(inputs[1].Shape);
        long valueWidth = inputs[2].Shape[Value.Axes().Width];
        double[] q = InLayout(inputs[0], Query, HeadLayout.BHSD), k = InLayout(inputs[1], Key, HeadLayout.BHDS), v = InLayout(inputs[2], Value, HeadLayout.BHSD);
        double[]? mask = Mask == MaskKind.None ? null : TensorMath.Doubles(inputs[3]);
        long[] maskStrides = mask is null ? new long[4] : Strided.Broadcast(inputs[3].Shape, [batch, heads, queries, keys]);
        long? offset = CausalOffset?.Evaluate(dimensions);
        var result = new double[checked(batch * heads * queries * valueWidth)];
        var scores = new double[keys];
        var hidden = new bool[keys];
        for (long b = 0; b < batch; b++)
        {
            for (long h = 0; h < heads; h++)
            {
                long keyHead = (b * keyHeads) + (h / (heads / keyHeads));
                ReadOnlySpan<double> headKeys = k.AsSpan((int)(keyHead * width * keys), (int)(width * keys));
                ReadOnlySpan<double> headValues = v.AsSpan((int)(keyHead * keys * valueWidth), (int)(keys * valueWidth));
                for (long i = 0; i < queries; i++)
                {
                    long row = (((b * heads) + h) * queries) + i;
                    Array.Clear(scores);
                    MatMul.Multiply(q.AsSpan((int)(row * width), (int)width), headKeys, scores, 1, width, keys);
                    long maskRow = (b * maskStrides[0]) + (h * maskStrides[1]) + (i * maskStrides[2]);
                    for (long j = 0; j < keys; j++)
                    {
                        double m = mask?[maskRow + (j * maskStrides[3])] ?? 0;
                        hidden[j] = j > i + offset || (Mask == MaskKind.Boolean && m == 0);
                        double scaled = scores[j] * Scale;
                        scores[j] = (SoftCap == 0 ? scaled : SoftCap * Math.Tanh(scaled / SoftCap)) + (Mask == MaskKind.Additive ? m : 0);
                    }
                    Combine(scores, hidden, headValues, result.AsSpan((int)(row * valueWidth), (int)valueWidth));
                }
            }
        }
        Tensor headMajor = TensorMath.FromDoubles(inputs[0].Type, [batch, heads, queries, valueWidth], result);
        return [Result == HeadLayout.BHSD ? headMajor : new Transpose([0, 2, 1, 3]).Evaluate([headMajor], dimensions)[0]];
    }

    /// <summary>result = Σ softmax(scores)[j]·values[j] over the keys that are not hidden; 0 when all are.</summary>
    private static void Combine(ReadOnlySpan<double> scores, ReadOnlySpan<bool> hidden, ReadOnlySpan<double> values, Span<double> result)
    {
        double max = double.NegativeInfinity, sum = 0;
        bool any = false;
        for (int j = 0; j < scores.Length; j++)
        {
            max = hidden[j] ? max : Math.Max(max, scores[j]);
            any |= !hidden[j];
        }
        for (int j = 0; j < scores.Length; j++)
        {
            if (!hidden[j])
            {
                double weight = Math.Exp(scores[j] - max);
                sum += weight;
                TensorMath.AddScaled(result, weight, values.Slice(j * result.Length, result.Length));
            }
        }
        for (int c = 0; any && c < result.Length; c++)
        {
            result[c] /= sum;
        }
    }

    private static double[] InLayout(Tensor heads, HeadLayout from, HeadLayout to)
    {
        (long batch, long head, long sequence, long width) = from.Split(heads.Shape);
        (long batchStride, long headStride, long sequenceStride, long widthStride) = from.Split<long>(Strided.RowMajor(heads.Shape));
        return TensorMath.Doubles(Strided.Copy(heads, to.Join(batch, head, sequence, width), to.Join(batchStride, headStride, sequenceStride, widthStride)));
    }
}
