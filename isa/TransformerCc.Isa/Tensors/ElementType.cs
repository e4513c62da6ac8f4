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

    // Narrower than a byte: one element in each byte, in its low bits, as NumPy keeps them (ml_dtypes).
    I4 = 17,
    U4 = 18,
    I2 = 19,
    U2 = 20,
    F4E2M1 = 21,

    F8E4M3FNUZ = 22,
    F8E5M2FNUZ = 23,

    /// <summary>A power of two: the scale of a block in the OCP microscaling formats.</summary>
    F8E8M0 = 24,
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

    /// <summary>Bits that hold the value: fewer than <see cref="Size"/> says for elements narrower than a byte.</summary>
    public static int Bits(this ElementType type) => type switch
    {
        ElementType.I4 or ElementType.U4 or ElementType.F4E2M1 => 4,
        ElementType.I2 or ElementType.U2 => 2,
        _ => type.Size() * 8,
    };

    public static bool IsSigned(this ElementType type) => type.IsFloat()
        || type is ElementType.I8 or ElementType.I16 or ElementType.I32 or ElementType.I64 or ElementType.I4 or ElementType.I2;

    public static bool IsFloat(this ElementType type) => type is <= ElementType.F64 or >= ElementType.F4E2M1 and <= ElementType.F8E8M0;

    public static bool IsInteger(this ElementType type) => type is >= ElementType.I8 and <= ElementType.U64 or >= ElementType.I4 and <= ElementType.U2;

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
        ElementType.I4 => "i4",
        ElementType.U4 => "u4",
        ElementType.I2 => "i2",
        ElementType.U2 => "u2",
        ElementType.F4E2M1 => "f4e2m1",
        ElementType.F8E4M3FNUZ => "f8e4m3fnuz",
        ElementType.F8E5M2FNUZ => "f8e5m2fnuz",
        ElementType.F8E8M0 => "f8e8m0",
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
