using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The type of a tensor's elements: a plain type, or a block format. The numbers of plain types are those of the file
/// (ggml.h, enum ggml_type); those of block formats stand with the formats.
/// </summary>
public sealed record GgufTensorType(uint Id, string Name, ElementType? Plain, BlockFormat? Blocks)
{
    private static readonly GgufTensorType[] s_plain =
    [
        new(0, "F32", ElementType.F32, null),
        new(1, "F16", ElementType.F16, null),
        new(24, "I8", ElementType.I8, null),
        new(25, "I16", ElementType.I16, null),
        new(26, "I32", ElementType.I32, null),
        new(27, "I64", ElementType.I64, null),
        new(28, "F64", ElementType.F64, null),
        new(30, "BF16", ElementType.BF16, null),
    ];

    /// <summary>The type with a number; null when there is none.</summary>
    public static GgufTensorType? Of(uint id) =>
        Array.Find(s_plain, t => t.Id == id) ?? (id <= int.MaxValue && BlockFormat.OfGgml((int)id) is { } blocks ? new(id, blocks.Name, null, blocks) : null);

    /// <summary>The type with a name, in any case; null when there is none.</summary>
    public static GgufTensorType? Of(string name) =>
        Array.Find(s_plain, t => t.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? (BlockFormat.All.FirstOrDefault(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } blocks ? Of((uint)blocks.GgmlType) : null);

    public static IEnumerable<string> Names => s_plain.Select(t => t.Name).Concat(BlockFormat.All.Select(f => f.Name));

    /// <summary>Elements that are stored together: rows are multiples of it.</summary>
    public int BlockElements => Blocks?.BlockElements ?? 1;

    public int BlockBytes => Blocks?.BlockBytes ?? Plain!.Value.Size();

    public long RowBytes(long columns) => columns / BlockElements * BlockBytes;
}
