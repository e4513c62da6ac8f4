using System.Collections.Immutable;
using System.Security.Cryptography;
using TransformerCc.Isa.BinaryFile;

namespace TransformerCc.Isa.AssemblyLanguage;

/// <summary>What the text form needs to know about a weight section, gathered in one pass that holds only its beginning.</summary>
internal sealed class WeightText : Stream
{
    /// <summary>Larger sections are not written out in hexadecimal.</summary>
    public const int MaxHexBytes = 4096;

    /// <summary>Larger sections of zeros are not made from text.</summary>
    public const long MaxZeroBytes = 1 << 30;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly MemoryStream _head = new();
    private long _length;

    private WeightText()
    {
    }

    /// <summary>All bytes when there are at most <see cref="MaxHexBytes"/>.</summary>
    public ReadOnlySpan<byte> Head => _head.GetBuffer().AsSpan(0, (int)_head.Length);

    public bool IsZero { get; private set; } = true;

    /// <summary>SHA-256, lower-case hexadecimal.</summary>
    public string Digest { get; private set; } = "";

    public override long Length => _length;

    public static WeightText Of(WeightSection section)
    {
        var text = new WeightText();
        section.WriteTo(text);
        text.Digest = Convert.ToHexStringLower(text._hash.GetHashAndReset());
        return text;
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        _hash.AppendData(buffer);
        _head.Write(buffer[..(int)long.Min(buffer.Length, MaxHexBytes - _head.Length)]);
        IsZero &= buffer.IndexOfAnyExcept((byte)0) < 0;
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Position { get => _length; set => throw new NotSupportedException("a digest has no position"); }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("a digest is only written");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("a digest has no position");

    public override void SetLength(long value) => throw new NotSupportedException("a digest has no length to set");

    protected override void Dispose(bool disposing)
    {
        _hash.Dispose();
        _head.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Weights written in an assembly text: runs of given bytes and of zeros.</summary>
internal sealed class AssembledWeights(ImmutableArray<(ImmutableArray<byte> Bytes, long Zeros)> runs) : WeightSection
{
    public override long Length => runs.Sum(r => r.Bytes.Length + r.Zeros);

    public override void WriteTo(Stream stream)
    {
        byte[] zeros = new byte[1 << 16];
        foreach ((ImmutableArray<byte> bytes, long zeroCount) in runs)
        {
            stream.Write(bytes.AsSpan());
            for (long left = zeroCount; left > 0; left -= zeros.Length)
            {
                stream.Write(zeros, 0, (int)long.Min(left, zeros.Length));
            }
        }
    }
}
