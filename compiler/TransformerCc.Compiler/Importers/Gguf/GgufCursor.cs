using System.Buffers.Binary;
using System.Text;
using TransformerCc.Isa;

namespace TransformerCc.Compiler.Importers.Gguf;

/// <summary>
/// Reads the head of a GGUF file value by value. Whatever does not fit is refused with the byte offset at which it stands.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="start">The byte to begin with.</param>
internal sealed class GgufCursor(FileMap file, long start)
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public FileMap File => file;

    public long Position { get; private set; } = start;

    public long Remaining => file.Length - Position;

    /// <summary>Whether counts and lengths have 4 bytes, as in version 1, and not 8.</summary>
    public bool HasShortCounts { get; set; }

    public int CountBytes => HasShortCounts ? 4 : 8;

    public uint U32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong U64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A count, a length or a dimension.</summary>
    public ulong Count(string what) => HasShortCounts ? U32(what) : U64(what);

    /// <summary>A scalar's bytes, extended with zeros.</summary>
    public ulong Scalar(GgufValueType type, string what)
    {
        Span<byte> bits = stackalloc byte[8];
        bits.Clear();
        Take(type.Size(), what).CopyTo(bits);
        return BinaryPrimitives.ReadUInt64LittleEndian(bits);
    }

    /// <summary>The bytes of a string.</summary>
    public ReadOnlySpan<byte> StringBytes(string what, long most = int.MaxValue)
    {
        long at = Position;
        ulong length = Count(what);
        if (length > (ulong)most)
        {
            throw Refuse(GgufCodes.Limit, $"{what} would have {length} bytes, at most {most} are possible", at);
        }
        return Take((long)length, what);
    }

    /// <summary>A name: UTF-8 without errors.</summary>
    public string Name(string what, int most)
    {
        long at = Position;
        try
        {
            return s_strict.GetString(StringBytes(what, most));
        }
        catch (DecoderFallbackException)
        {
            throw Refuse(GgufCodes.BadValue, $"{what} is not valid UTF-8", at);
        }
    }

    /// <summary>A text: what is not UTF-8 becomes U+FFFD.</summary>
    public string Text(string what) => Encoding.UTF8.GetString(StringBytes(what));

    public void Skip(long count, string what)
    {
        Expect(count, what);
        Position += count;
    }

    public DiagnosticException Refuse(string code, string message, long at, string? help = null) => new(Diagnostic.Error(code, message, At(at), help));

    /// <summary>A place in the file, for diagnostics.</summary>
    public string At(long offset) => FormattableString.Invariant($"{file.Path}, byte {offset}");

    private ReadOnlySpan<byte> Take(long count, string what)
    {
        Expect(count, what);
        Position += count;
        return file.Span(Position - count, (int)count);
    }

    private void Expect(long count, string what)
    {
        if (count > Remaining)
        {
            throw Refuse(GgufCodes.Truncated, $"the file ends inside {what}: {count} bytes are needed, {Remaining} are left", Position, "the file is cut short; fetch it again");
        }
    }
}
