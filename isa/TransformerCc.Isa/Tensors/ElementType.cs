namespace TransformerCc.Isa.Tensors;

/// <summary>
/// The formats of tensor elements, in files, in memories and as operands of instructions. The numeric value is the
/// format code of the encoding (6 bits) and never changes.
/// </summary>
public enum ElementType : byte
{
    F32 = 0,
    BF16 = 1,
    F16 = 2,
    F8E4M3 = 3,
    F8E5M2 = 4,
    F64 = 5,
    I8 = 8,
    U8 = 9,
    I16 = 10,
    U16 = 11,
    I32 = 12,
    U32 = 13,
    I64 = 14,
    U64 = 15,
    Bool = 16,
}

/// <summary>Facts about each <see cref="ElementType"/>: size, class and the name used in every textual form.</summary>
public static class ElementTypes
{
    public static IReadOnlyList<ElementType> All { get; } = Enum.GetValues<ElementType>();

    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.BF16 or ElementType.F16 or ElementType.I16 or ElementType.U16 => 2,
        _ => 1,
    };

    public static bool IsFloat(this ElementType type) => type <= ElementType.F64;

    public static bool IsInteger(this ElementType type) => type is >= ElementType.I8 and <= ElementType.U64;

    /// <summary>The lower-case name: f32, bf16, i64, bool, …</summary>
    public static string Name(this ElementType type) => type switch
    {
        ElementType.F32 => "f32",
        ElementType.BF16 => "bf16",
        ElementType.F16 => "f16",
        ElementType.F8E4M3 => "f8e4m3",
        ElementType.F8E5M2 => "f8e5m2",
        ElementType.F64 => "f64",
        ElementType.I8 => "i8",
        ElementType.U8 => "u8",
        ElementType.I16 => "i16",
        ElementType.U16 => "u16",
        ElementType.I32 => "i32",
        ElementType.U32 => "u32",
        ElementType.I64 => "i64",
        ElementType.U64 => "u64",
        ElementType.Bool => "bool",
        _ => $"format{(int)type}",
    };

    public static bool TryParse(string name, out ElementType type)
    {
        foreach (ElementType t in All)
        {
            if (t.Name() == name)
            {
                type = t;
                return true;
            }
        }
        type = default;
        return false;
    }
}
