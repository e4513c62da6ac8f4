using System.Security.Cryptography;

namespace TransformerCc.Isa.BinaryFile;

/// <summary>Passes what is written on to another stream, which it leaves open, and keeps length and SHA-256 of it.</summary>
internal sealed class HashingStream(Stream inner) : Stream
{
    /// <summary>Buffers from this size on are worth a second thread.</summary>
    private const int ParallelBytes = 1 << 17;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
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
        _hash.AppendData(buffer);
        _length += buffer.Length;
    }

    /// <summary>A large buffer is hashed by another thread while this one writes it: both take about as long.</summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
        if (count < ParallelBytes)
        {
            Write(buffer.AsSpan(offset, count));
            return;
        }
        Task hashed = Task.Run(() => _hash.AppendData(buffer, offset, count));
        try
        {
            inner.Write(buffer, offset, count);
        }
        finally
        {
            // Also when writing fails: the buffer is the caller's again afterwards.
            hashed.Wait();
        }
        _length += count;
    }

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("a section under construction is not read");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("a section is written from its beginning to its end");

    public override void SetLength(long value) => throw new NotSupportedException("a section is written from its beginning to its end");

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        base.Dispose(disposing);
    }
}
