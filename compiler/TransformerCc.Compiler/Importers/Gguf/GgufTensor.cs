using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>A tensor of the file.</summary>
/// <param name="Shape">Row-major, the contiguous dimension last: the reverse of the file's order.</param>
/// <param name="Data">The bytes, in the mapped file.</param>
/// <param name="Location">File and byte offset of the data, for diagnostics.</param>
public sealed record GgufTensor(string Name, GgufTensorType Type, IReadOnlyList<long> Shape, LongBytes Data, string Location)
{
    /// <summary>Elements of a row.</summary>
    public long Columns => Shape[^1];

    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>
    /// The bytes as a tensor: a plain type under its shape; a block format as u8 [.., bytes of a row], to be decoded with
    /// <see cref="GgufTensorType.Blocks"/>.
    /// </summary>
    public Tensor ToTensor() => Type.Plain is { } plain
        ? Tensor.Of(plain, [.. Shape], Data)
        : Tensor.Of(ElementType.U8, [.. Shape.Take(Shape.Count - 1), Type.RowBytes(Columns)], Data);

    /// <summary>Some of the rows (or elements, of a vector) as a tensor of its own: a view of the same bytes.</summary>
    /// <param name="part">Tells it from the others by name.</param>
    public GgufTensor Rows(string part, long first, long count)
    {
        long run = Shape.Count == 1 ? Type.RowBytes(1) : Type.RowBytes(Columns);
        return this with { Name = $"{Name}.{part}", Shape = [count, .. Shape.Skip(1)], Data = Data.Slice(checked(first * run), checked(count * run)) };
    }
}
