using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// Causal attention over caches [B, Hk, C, D] of keys and values that hold the queries' own positions already. Query i of
/// sequence b stands at position past[b]+i and sees key j where j ≤ past[b]+i and, with a window w, j > past[b]+i−w.
/// Position j lies in slot j, or in slot j mod C of circular caches. Heads are grouped and scores scaled and capped as in
/// <see cref="Attention"/>.
/// </summary>
/// <remarks>
/// Caches of i8 hold codes, and two more operands the f32 scales [B, Hk, C, 1] of keys and of values. Paged caches are
/// [pages, Hk, C, D]: the last operand is the page table, as in <see cref="CacheAppend"/>.
/// </remarks>
/// <param name="Window">Keys that a query sees; 0 for all.</param>
public sealed record CachedAttention(HeadLayout Query, HeadLayout Result, float Scale, float SoftCap, long Window, bool Circular)
    : Operator, IOperator<CachedAttention>
{
    public static string OperatorName => "cached_attention";

    public override string Name => OperatorName;

    /// <summary>Whether the caches hold codes with scales.</summary>
    public bool Scaled { get; init; }

    /// <summary>Whether sequences share pages, which a table names.</summary>
    public bool Paged { get; init; }

    /// <summary>Positions that a sequence can have.</summary>
    public DimExpr Slots(IReadOnlyList<Value> inputs) => Paged ? inputs[^1].Type.Shape[1] * inputs[1].Type.Shape[2] : inputs[1].Type.Shape[2];

    public static CachedAttention Read(IAttributeReader reader) => new(
        reader.Word<HeadLayout>("query"), reader.Word<HeadLayout>("result"), (float)reader.Float("scale"),
        reader.Has("soft_cap") ? (float)reader.Float("soft_cap") : 0, reader.Has("window") ? reader.Integer("window") : 0, reader.Flag("circular"))
    {
        Scaled = reader.Flag("scaled"),
        Paged = reader.Flag("paged"),
    };

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("query", Query);
        visitor.Word("result", Result);
        visitor.Float("scale", Scale);
        if (SoftCap != 0)
        {
            visitor.Float("soft_cap", SoftCap);
        }
        if (Window != 0)
        {
            visitor.Integer("window", Window);
        }
        visitor.Flag("circular", Circular);
        visitor.Flag("scaled", Scaled);
        visitor.Flag("paged", Paged);
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, 4 + (Scaled ? 2 : 0) + (Paged ? 1 : 0), $"q, key cache, value cache, past{(Scaled ? ", key scales, value scales" : "")}{(Paged ? ", page table" : "")}");
        ShapeRules.ExpectFloat(inputs[0], "q");
        ShapeRules.ExpectRank(inputs[0], 4, "q");
        for (int i = 1; i <= 2; i++)
        {
            ShapeRules.Expect(Scaled ? inputs[i].Element == ElementType.I8 : inputs[i].Element.IsFloat(), $"caches must be {(Scaled ? "i8" : "floats")}, one is {inputs[i]}");
            ShapeRules.ExpectRank(inputs[i], 4, "each cache");
            TensorType scales = new(ElementType.F32, [.. inputs[i].Shape.Take(3), DimExpr.One]);
            ShapeRules.Expect(!Scaled || inputs[i + 3] == scales, $"the scales of a cache {inputs[i]} must be {scales}");
        }
        ShapeRules.Expect(Query != HeadLayout.BHDS && Result != HeadLayout.BHDS, "queries and result must be laid out bshd or bhsd");
        ShapeRules.Expect(Window >= 0 && (Window > 0 || !Circular), $"a window of {Window}: circular caches need one, and it is not negative");
        (DimExpr batch, DimExpr queryHeads, DimExpr queries, DimExpr width) = Query.Split(inputs[0].Shape.AsSpan());
        EquatableArray<DimExpr> keys = inputs[1].Shape, values = inputs[2].Shape;
        if (Paged)
        {
            CacheAppend.ExpectTable(inputs[^1], batch, Circular);
            ShapeRules.ExpectEqual(keys[0], values[0], "the pages of the keys", "the pages of the values");
        }
        else
        {
            ShapeRules.ExpectEqual(batch, keys[0], "the batch of q", "the batch of the keys");
            ShapeRules.ExpectEqual(batch, values[0], "the batch of q", "the batch of the values");
        }
        ShapeRules.ExpectEqual(width, keys[3], "the head width of q", "the head width of the keys");
        ShapeRules.ExpectEqual(keys[1], values[1], "the heads of the keys", "the heads of the values");
        ShapeRules.ExpectEqual(keys[2], values[2], "the positions of the keys", "the positions of the values");
        ShapeRules.Expect(queryHeads.ConstantValue is > 0 and { } h && keys[1].ConstantValue is > 0 and { } hk && h % hk == 0,
            $"{queryHeads} query heads must be a constant multiple of {keys[1]} key heads");
        CacheAppend.ExpectPast(inputs[3], batch);
        return ShapeRules.One(inputs[0].Element, Result.Join(batch, queryHeads, queries, values[3]).ToEquatableArray());
    }

    /// <summary>Attention as the plain operator has it, on each sequence's keys in ascending position with the rest hidden.</summary>
    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        (long batch, long heads, long queries, long width) = Query.Split(inputs[0].Shape);
        var slots = new CacheSlots(inputs[1].Shape.ToArray(), Circular, Paged ? inputs[^1] : null);
        long keyHeads = inputs[1].Shape[1], capacity = slots.Capacity, valueWidth = inputs[2].Shape[3];
        long[] past = TensorMath.Longs(inputs[3]);
        var results = new List<Tensor>();
        for (int b = 0; b < batch; b++)
        {
            long end = past[b] + queries, first = Window == 0 ? 0 : long.Max(0, past[b] - Window + 1), count = long.Max(0, end - first);
            ShapeRules.Expect(past[b] >= 0 && (Circular ? count <= capacity : end <= capacity), $"positions {past[b]} to {end - 1} are outside a cache of {capacity}");
            Tensor Positions(Tensor cache, Tensor? scales, long columns)
            {
                double[] all = TensorMath.Doubles(cache);
                double[]? factors = scales is null ? null : TensorMath.Doubles(scales);
                for (int i = 0; factors is not null && i < all.Length; i++)
                {
                    all[i] = (float)(all[i] * factors[i / columns]);
                }
                var rows = new double[keyHeads * count * columns];
                for (long row = 0; row < keyHeads * count; row++)
                {
                    all.AsSpan((int)(slots.Row(b, row / count, first + (row % count)) * columns), (int)columns).CopyTo(rows.AsSpan((int)(row * columns)));
                }
                return TensorMath.FromDoubles(ElementType.F64, [1, keyHeads, count, columns], rows);
            }
            var visible = new bool[queries * count];
            for (long i = 0; i < visible.Length; i++)
            {
                long query = past[b] + (i / count), key = first + (i % count);
                visible[i] = key <= query && (Window == 0 || key > query - Window);
            }
            long[] strides = Strided.RowMajor(inputs[0].Shape);
            (_, long headStride, long sequenceStride, long widthStride) = Query.Split<long>(strides);
            double[] q = TensorMath.Doubles(Strided.Copy(inputs[0], [batch, heads, queries, width], [strides[0], headStride, sequenceStride, widthStride]));
            Tensor query64 = TensorMath.FromDoubles(ElementType.F64, [1, heads, queries, width], q[(int)(b * heads * queries * width)..(int)((b + 1) * heads * queries * width)]);
            var plain = new Attention(HeadLayout.BHSD, HeadLayout.BHSD, HeadLayout.BHSD, HeadLayout.BHSD, Scale, MaskKind.Boolean, null) { SoftCap = SoftCap };
            Tensor mask = TensorMath.FromLongs(ElementType.Bool, [1, 1, queries, count], Array.ConvertAll(visible, v => v ? 1L : 0));
            results.Add(plain.Evaluate([query64, Positions(inputs[1], Scaled ? inputs[4] : null, width), Positions(inputs[2], Scaled ? inputs[5] : null, valueWidth), mask], dimensions)[0]);
        }
        Tensor headMajor = TensorMath.FromDoubles(inputs[0].Type, [batch, heads, queries, valueWidth], [.. results.SelectMany(TensorMath.Doubles)]);
        return [Result == HeadLayout.BHSD ? headMajor : new Transpose([0, 2, 1, 3]).Evaluate([headMajor], dimensions)[0]];
    }
}
