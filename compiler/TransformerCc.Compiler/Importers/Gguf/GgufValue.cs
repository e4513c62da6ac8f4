namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>The value of a key of the metadata.</summary>
public sealed class GgufValue
{
    private readonly ulong _bits;

    internal GgufValue(GgufValueType type, ulong bits) => (Type, _bits) = (type, bits);

    internal GgufValue(string text) => (Type, Text) = (GgufValueType.String, text);

    internal GgufValue(GgufArray array) => (Type, Array) = (GgufValueType.Array, array);

    public GgufValueType Type { get; }

    /// <summary>The value of a string.</summary>
    public string? Text { get; }

    /// <summary>The value of an array.</summary>
    public GgufArray? Array { get; }

    /// <summary>The value of any integer type that fits 64 signed bits; writers are not of one mind about the types of counts.</summary>
    public long? Integer => Type switch
    {
        GgufValueType.U8 => (byte)_bits,
        GgufValueType.I8 => (sbyte)_bits,
        GgufValueType.U16 => (ushort)_bits,
        GgufValueType.I16 => (short)_bits,
        GgufValueType.U32 => (uint)_bits,
        GgufValueType.I32 => (int)_bits,
        GgufValueType.U64 => _bits <= long.MaxValue ? (long)_bits : null,
        GgufValueType.I64 => (long)_bits,
        _ => null,
    };

    /// <summary>The value of a float, or of an integer.</summary>
    public double? Number => Type switch
    {
        GgufValueType.F32 => BitConverter.UInt32BitsToSingle((uint)_bits),
        GgufValueType.F64 => BitConverter.UInt64BitsToDouble(_bits),
        _ => Integer,
    };

    public bool? Flag => Type == GgufValueType.Bool ? _bits != 0 : null;

    public override string ToString() => Type switch
    {
        GgufValueType.String => $"\"{Text}\"",
        GgufValueType.Array => FormattableString.Invariant($"{Array!.Type.Name()}[{Array.Count}]"),
        GgufValueType.Bool => Flag == true ? "true" : "false",
        _ => FormattableString.Invariant($"{Number}"),
    };
}
