using TransformerCc.Isa.Quantization;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// The type of a tensor's elements: a plain type, or a block format. The numbers of plain types are those of the file
/// (ggml.h, enum ggml_type); those of block formats stand with the formats.
/// </summary>
public sealed record GgufTensorType(uint Id, ElementType? Plain, BlockFormat? Blocks)
{
    private static readonly GgufTensorType[] s_plain =
    [
        new(0, ElementType.F32, null),
        new(1, ElementType.F16, null),
        new(24, ElementType.I8, null),
        new(25, ElementType.I16, null),
        new(26, ElementType.I32, null),
        new(27, ElementType.I64, null),
        new(28, ElementType.F64, null),
        new(30, ElementType.BF16, null),
    ];

    public static GgufTensorType F32 => s_plain[0];

    /// <summary>Every type that is read.</summary>
    public static IEnumerable<GgufTensorType> All => s_plain.Concat(BlockFormat.All.Where(f => f.GgmlType is not null).Select(f => new GgufTensorType((uint)f.GgmlType!.Value, null, f)));

    /// <summary>Lower case: f32, q4_k.</summary>
    public string Name => Plain?.Name() ?? Blocks!.Name;

    /// <summary>Elements that are stored together: rows are multiples of it.</summary>
    public int BlockLength => Blocks?.BlockLength ?? 1;

    public int BlockBytes => Blocks?.BlockBytes ?? Plain!.Value.Size();

    /// <summary>The type with a number; null when there is none.</summary>
    public static GgufTensorType? Of(uint id) =>
        Array.Find(s_plain, t => t.Id == id) ?? (id <= int.MaxValue && BlockFormat.OfGgml((int)id) is { } blocks ? new(id, null, blocks) : null);

    /// <summary>The type with a name, in any case; null when there is none.</summary>
    public static GgufTensorType? Of(string name) => All.FirstOrDefault(t => t.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    public long RowBytes(long columns) => columns / BlockLength * BlockBytes;
}
