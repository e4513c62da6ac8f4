using TransformerCc.Isa.Symbolic;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.GraphIR.Operators;

/// <summary>
/// A cache [B, Hk, C, D] with the L positions of new rows written at positions past[b] … past[b]+L−1 of sequence b; past
/// is i64[B]. Position p lies in slot p, or in slot p mod C of a circular cache. Rows take the element type of the cache:
/// nothing sees them but through it.
/// </summary>
/// <remarks>A paged cache is [pages, Hk, C, D]: one more operand, i64[B, N], names the pages of C positions that each sequence has, in order.</remarks>
/// <param name="New">Layout of the new rows.</param>
public sealed record CacheAppend(HeadLayout New, bool Circular) : Operator, IOperator<CacheAppend>
{
    /// <summary>The blocks in which attention reads divide it: a circular cache that is compiled has a multiple of so many slots.</summary>
    public const int SlotMultiple = 128;

    /// <summary>The most positions of a block where nothing turns; larger ones are mostly empty at the end of a sequence.</summary>
    public const int LargestBlock = 1024;

    public static string OperatorName => "cache_append";

    public override string Name => OperatorName;

    /// <summary>Whether sequences share pages, which a table names.</summary>
    public bool Paged { get; init; }

    /// <summary>The most positions of a sequence where it is not the number of slots: what the model and its tables know.</summary>
    public DimExpr? Positions { get; init; }

    public static CacheAppend Read(IAttributeReader reader) => new(reader.Word<HeadLayout>("new"), reader.Flag("circular"))
    {
        Paged = reader.Flag("paged"),
        Positions = reader.Has("positions") ? reader.Dim("positions") : null,
    };

    public override void Attributes(IAttributeVisitor visitor)
    {
        visitor.Word("new", New);
        visitor.Flag("circular", Circular);
        visitor.Flag("paged", Paged);
        if (Positions is not null)
        {
            visitor.Dim("positions", Positions);
        }
    }

    public override EquatableArray<TensorType> Infer(EquatableArray<TensorType> inputs)
    {
        ShapeRules.ExpectOperands(inputs, Paged ? 4 : 3, Paged ? "cache, new rows, past, page table" : "cache, new rows, past");
        TensorType cache = inputs[0], rows = inputs[1];
        // Codes are quantised before they are appended; their scales have a cache of their own.
        ShapeRules.Expect((rows.Element.IsFloat() && cache.Element.IsFloat()) || (rows.Element == ElementType.I8 && cache.Element == ElementType.I8), $"cache and new rows must be floats, or both i8: they are {cache} and {rows}");
        ShapeRules.Expect(New != HeadLayout.BHDS, "the new rows must be laid out bshd or bhsd");
        ShapeRules.ExpectRank(cache, 4, "the cache");
        ShapeRules.ExpectRank(rows, 4, "the new rows");
        (DimExpr batch, DimExpr heads, _, DimExpr width) = New.Split(rows.Shape.AsSpan());
        if (Paged)
        {
            ExpectTable(inputs[3], batch, Circular);
        }
        else
        {
            ShapeRules.ExpectEqual(cache.Shape[0], batch, "the batch of the cache", "that of the new rows");
        }
        ShapeRules.ExpectEqual(cache.Shape[1], heads, "the number of heads of the cache", "that of the new rows");
        ShapeRules.ExpectEqual(cache.Shape[3], width, "the head width of the cache", "that of the new rows");
        ExpectPast(inputs[2], batch);
        return ShapeRules.One(cache);
    }

    /// <summary>The positions that each sequence holds already.</summary>
    internal static void ExpectPast(TensorType past, DimExpr batch) =>
        ShapeRules.Expect(past.Element == ElementType.I64 && past.Rank == 1 && past.Shape[0] == batch, $"past must be i64[{batch}], is {past}");

    /// <summary>The pages that each sequence has.</summary>
    internal static void ExpectTable(TensorType table, DimExpr batch, bool circular)
    {
        ShapeRules.Expect(!circular, "a cache is circular or paged, not both");
        ShapeRules.Expect(table.Element == ElementType.I64 && table.Rank == 2 && table.Shape[0] == batch, $"the page table must be i64[{batch}, pages of a sequence], is {table}");
    }

    public override Tensor[] Evaluate(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, long> dimensions)
    {
        Tensor cache = inputs[0];
        (long batch, long heads, long length, long width) = New.Split(inputs[1].Shape);
        (long batchStride, long headStride, long sequenceStride, long widthStride) = New.Split<long>(Strided.RowMajor(inputs[1].Shape));
        Tensor rows = TensorMath.FromDoubles(cache.Type, [batch, heads, length, width],
            TensorMath.Doubles(Strided.Copy(inputs[1], [batch, heads, length, width], [batchStride, headStride, sequenceStride, widthStride])));
        long[] past = TensorMath.Longs(inputs[2]);
        var slots = new CacheSlots(cache.Shape.ToArray(), Circular, Paged ? inputs[3] : null);
        long capacity = slots.Capacity, most = Positions?.Evaluate(dimensions) ?? long.MaxValue;
        byte[] bytes = cache.Data.ToArray();
        int run = checked((int)width * cache.Type.Size());
        for (long row = 0; row < batch * heads * length; row++)
        {
            long position = past[row / length / heads] + (row % length);
            ShapeRules.Expect(position >= 0 && position < most && (Circular ? capacity > 0 : position < capacity), $"position {position} is outside a cache of {long.Min(most, capacity)}");
            long slot = slots.Row(row / length / heads, row / length % heads, position);
            rows.Data.Span.Slice((int)row * run, run).CopyTo(bytes.AsSpan((int)slot * run));
        }
        return [new Tensor(cache.Type, cache.Shape, bytes)];
    }
}
