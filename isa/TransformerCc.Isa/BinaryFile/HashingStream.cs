using System.IO.Hashing;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>
/// Passes what is written on to another stream, which it leaves open, and keeps length and checksum of it. Long stretches of zeros
/// are skipped, so that they are holes where the file system has them: models without weights take no room.
/// </summary>
internal sealed class HashingStream(Stream inner) : Stream
{
    /// <summary>Bytes from which on a hole is worth the system call.</summary>
    private const int SmallestHole = 1 << 16;

    private readonly XxHash128 _hash = new();
    private long _length;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException("a section is written from its beginning to its end");
    }

    public byte[] Hash() => _hash.GetCurrentHash();

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length >= SmallestHole && inner.CanSeek && !buffer.ContainsAnyExcept((byte)0))
        {
            long end = inner.Position + buffer.Length;
            inner.SetLength(long.Max(inner.Length, end));
            inner.Position = end;
        }
        else
        {
            inner.Write(buffer);
        }
        _hash.Append(buffer);
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("a section under construction is not read");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("a section is written from its beginning to its end");

    public override void SetLength(long value) => throw new NotSupportedException("a section is written from its beginning to its end");
}
