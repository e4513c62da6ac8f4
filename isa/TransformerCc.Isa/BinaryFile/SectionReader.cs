using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>Reads the bytes of a small section. Every length and count is checked before anything is allocated for it.</summary>
/// <param name="fileOffset">Of the section, for diagnostics.</param>
internal ref struct SectionReader(ReadOnlySpan<byte> bytes, string section, string path, long fileOffset)
{
    /// <summary>Strict: replacing what is no UTF-8 would let two different names become one.</summary>
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    public readonly bool IsEmpty => _bytes.IsEmpty;

    public int UInt32(string what, int limit)
    {
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint), what));
        return value <= limit ? (int)value : throw Refuse(FileCodes.Count, string.Create(CultureInfo.InvariantCulture, $"{what} is {value}, at most {limit} are allowed"));
    }

    public long Int64(string what) => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long), what));

    public float Single(string what) => BinaryPrimitives.ReadSingleLittleEndian(Take(sizeof(float), what));

    /// <summary>A count of bytes, then the bytes.</summary>
    public ReadOnlySpan<byte> Raw(string what, int limit) => Take(UInt32($"the length of {what}", limit), what);

    /// <summary>A count of things that take at least <paramref name="smallest"/> bytes each in what is left.</summary>
    public int Count(string what, int limit, int smallest)
    {
        int count = UInt32(what, limit);
        return (long)count * smallest <= _bytes.Length - _at ? count : throw Ends(what);
    }

    public TEnum Enum<TEnum>(string what) where TEnum : struct, Enum
    {
        int value = UInt32(what, byte.MaxValue);
        var member = (TEnum)System.Enum.ToObject(typeof(TEnum), (byte)value);
        return System.Enum.IsDefined(member) ? member : throw Refuse(FileCodes.Malformed, string.Create(CultureInfo.InvariantCulture, $"{what} {value} is not known"));
    }

    public string Text(string what, int limit)
    {
        int length = UInt32($"the length of {what}", limit);
        try
        {
            return s_utf8.GetString(Take(length, what));
        }
        catch (DecoderFallbackException)
        {
            throw Refuse(FileCodes.Text, $"{what} is not UTF-8");
        }
    }

    public readonly void End()
    {
        if (_at < _bytes.Length)
        {
            throw Refuse(FileCodes.Malformed, string.Create(CultureInfo.InvariantCulture, $"{_bytes.Length - _at} bytes are left over"));
        }
    }

    public readonly DiagnosticException Refuse(string code, string message) =>
        new(Diagnostic.Error(code, $"{section} section: {message}", string.Create(CultureInfo.InvariantCulture, $"{path}, byte {fileOffset + _at}")));

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > _bytes.Length - _at)
        {
            throw Ends(what);
        }
        _at += count;
        return _bytes.Slice(_at - count, count);
    }

    private readonly DiagnosticException Ends(string what) => Refuse(FileCodes.Malformed, $"the section ends before the end of {what}");
}
