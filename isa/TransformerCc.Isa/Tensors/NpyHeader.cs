using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace TransformerCc.Isa.Tensors;

/// <summary>
/// The header of a NumPy file: magic, version, length, and a Python dictionary with exactly the keys descr,
/// fortran_order and shape (NumPy enhancement proposal 1, "A Simple File Format for NumPy Arrays").
/// </summary>
internal sealed record NpyHeader(ElementType Type, bool IsFortranOrder, long[] Shape)
{
    public const int MaxRank = 32;

    /// <summary>NumPy's own headers stay below 200 bytes.</summary>
    public const int MaxLength = 1 << 16;

    private const int Alignment = 64;

    public static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    private static readonly (string Code, ElementType Type)[] s_types =
    [
        ("<f4", ElementType.F32), ("<f2", ElementType.F16), ("<f8", ElementType.F64),
        ("|i1", ElementType.I8), ("<i2", ElementType.I16), ("<i4", ElementType.I32), ("<i8", ElementType.I64),
        ("|u1", ElementType.U8), ("<u2", ElementType.U16), ("<u4", ElementType.U32), ("<u8", ElementType.U64),
        ("|b1", ElementType.Bool),
    ];

    public static bool Supports(ElementType type) => Array.Exists(s_types, t => t.Type == type);

    /// <summary>Version 1.0, padded so that the data begin at a multiple of 64, as NumPy writes it.</summary>
    public byte[] Format()
    {
        string code = Array.Find(s_types, t => t.Type == Type).Code;
        string shape = string.Concat(Shape.Select(d => d.ToString(CultureInfo.InvariantCulture) + ", "));
        shape = Shape.Length == 1 ? shape.TrimEnd() : shape.TrimEnd(' ', ',');
        string text = $"{{'descr': '{code}', 'fortran_order': False, 'shape': ({shape}), }}";
        int prefix = Magic.Length + 4, total = (prefix + text.Length + 1 + Alignment - 1) / Alignment * Alignment;
        var bytes = new byte[total];
        Magic.CopyTo(bytes);
        bytes[Magic.Length] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(Magic.Length + 2), (ushort)(total - prefix));
        Encoding.ASCII.GetBytes(text.PadRight(total - prefix - 1) + "\n", bytes.AsSpan(prefix));
        return bytes;
    }

    /// <summary>Reads the dictionary.</summary>
    /// <returns>The header, or the reason why there is none.</returns>
    public static (NpyHeader? Header, string Error) Parse(string text)
    {
        var literal = new PythonLiteral(text);
        ElementType? type = null;
        bool? isFortran = null;
        long[]? shape = null;
        literal.Expect('{');
        while (literal.Error is null && !literal.Accept('}'))
        {
            string key = literal.String();
            literal.Expect(':');
            switch (key)
            {
                case "descr" when type is null:
                    string code = literal.String();
                    type = ParseType(code);
                    if (literal.Error is null && type is null)
                    {
                        return (null, Explain(code));
                    }
                    break;
                case "fortran_order" when isFortran is null: isFortran = literal.Boolean(); break;
                case "shape" when shape is null: shape = literal.Tuple(MaxRank); break;
                default: literal.Fail($"the key '{key}' is unknown or appears twice"); break;
            }
            if (!literal.Accept(','))
            {
                literal.Expect('}');
                break;
            }
        }
        literal.End();
        return literal.Error is { } error ? (null, error)
            : type is null || isFortran is null || shape is null ? (null, "descr, fortran_order and shape must all be given")
            : (new NpyHeader(type.Value, isFortran.Value, shape), "");
    }

    private static ElementType? ParseType(string code)
    {
        foreach ((string known, ElementType type) in s_types)
        {
            // One byte has no order: NumPy writes '|', and accepts '<' as well.
            if (code == known || (known[0] == '|' && code == "<" + known[1..]))
            {
                return type;
            }
        }
        return null;
    }

    private static string Explain(string code) => code.StartsWith('>')
        ? $"the data are big-endian ('{code}')"
        : $"the element type '{code}' is not one of {string.Join(", ", s_types.Select(t => t.Code))}";
}
