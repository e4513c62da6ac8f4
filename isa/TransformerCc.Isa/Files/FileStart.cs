using System.Buffers.Binary;
using System.Text;

namespace TransformerCc.Isa.Files;

/// <summary>The first bytes of a file, and how many it has: enough to recognise its kind.</summary>
public sealed class FileStart
{
    /// <summary>The mark of a tar archive stands at byte 257.</summary>
    private const int MostBytes = 1024;

    private readonly byte[] _bytes;

    public FileStart(ReadOnlySpan<byte> bytes, long length)
    {
        _bytes = bytes[..int.Min(bytes.Length, MostBytes)].ToArray();
        Length = length;
        Text = IsText(_bytes) ? Encoding.UTF8.GetString(_bytes).TrimStart('\uFEFF', ' ', '\t', '\r', '\n') : null;
    }

    /// <summary>Bytes of the whole file.</summary>
    public long Length { get; }

    /// <summary>The bytes as text, without blanks before it; null where they are none.</summary>
    public string? Text { get; }

    public bool IsOnlyZeros => _bytes.Length > 0 && !_bytes.AsSpan().ContainsAnyExcept((byte)0);

    /// <summary>Null for a file that cannot be read.</summary>
    public static FileStart? Read(string path)
    {
        try
        {
            using FileStream stream = InputFile.Open(path, bufferSize: 1);
            var bytes = new byte[MostBytes];
            return new FileStart(bytes.AsSpan(0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)), stream.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }

    public bool Has(int offset, ReadOnlySpan<byte> bytes) => offset + bytes.Length <= _bytes.Length && _bytes.AsSpan(offset, bytes.Length).SequenceEqual(bytes);

    public bool Has(ReadOnlySpan<byte> bytes) => Has(0, bytes);

    public bool HasText(string text) => Text?.StartsWith(text, StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>A byte, or -1 beyond the bytes that are there.</summary>
    public int this[int offset] => offset < _bytes.Length ? _bytes[offset] : -1;

    /// <summary>Eight bytes as a little-endian number; 0 where there are fewer.</summary>
    public ulong U64(int offset) => offset + 8 <= _bytes.Length ? BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset)) : 0;

    /// <summary>Up to <paramref name="length"/> bytes as text.</summary>
    public string Latin(int offset, int length) =>
        offset >= _bytes.Length ? "" : Encoding.Latin1.GetString(_bytes.AsSpan(offset, int.Clamp(length, 0, _bytes.Length - offset)));

    /// <summary>Whether the bytes are UTF-8 without control characters other than blanks; the last character may be cut.</summary>
    private static bool IsText(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            System.Buffers.OperationStatus status = Rune.DecodeFromUtf8(bytes, out Rune rune, out int count);
            if (status == System.Buffers.OperationStatus.NeedMoreData)
            {
                return true;
            }
            if (status != System.Buffers.OperationStatus.Done || (Rune.IsControl(rune) && rune.Value is not ('\t' or '\r' or '\n')))
            {
                return false;
            }
            bytes = bytes[count..];
        }
        return true;
    }
}
