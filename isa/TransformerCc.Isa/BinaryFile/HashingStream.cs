using System.IO.Hashing;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>Passes what is written on to another stream, which it leaves open, and keeps length and checksum of it.</summary>
internal sealed class HashingStream(Stream inner) : Stream
{
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
        inner.Write(buffer);
        _hash.Append(buffer);
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("a section under construction is not read");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("a section is written from its beginning to its end");

    public override void SetLength(long value) => throw new NotSupportedException("a section is written from its beginning to its end");
}
