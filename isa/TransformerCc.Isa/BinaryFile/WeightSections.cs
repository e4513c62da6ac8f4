namespace TransformerCc.Isa.BinaryFile;

/// <summary>A weight section whose bytes are at hand: in memory, or mapped from the file.</summary>
public abstract class ResidentWeightSection : WeightSection
{
    private const int WriteBytes = 1 << 20;

    /// <summary>A part of the section, without a copy.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the section.</exception>
    public ReadOnlySpan<byte> Slice(long offset, int length) => Memory(offset, length).Span;

    /// <inheritdoc cref="Slice"/>
    public abstract ReadOnlyMemory<byte> Memory(long offset, int length);

    public override void WriteTo(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        for (long at = 0; at < Length; at += WriteBytes)
        {
            stream.Write(Slice(at, (int)long.Min(WriteBytes, Length - at)));
        }
    }

    private protected void CheckPart(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
    }
}

/// <summary>Weights in an array, padded with zeros to a multiple of 64: for the assembler and for tests.</summary>
public sealed class BytesWeightSection : ResidentWeightSection
{
    private readonly byte[] _bytes;

    public BytesWeightSection(ReadOnlySpan<byte> bytes)
    {
        _bytes = new byte[(bytes.Length + FileLayout.SectionAlignment - 1) / FileLayout.SectionAlignment * FileLayout.SectionAlignment];
        bytes.CopyTo(_bytes);
    }

    public static BytesWeightSection Empty { get; } = new([]);

    public override long Length => _bytes.Length;

    public override ReadOnlyMemory<byte> Memory(long offset, int length)
    {
        CheckPart(offset, length);
        return _bytes.AsMemory((int)offset, length);
    }
}

/// <summary>Weights as they lie in the mapped file; usable until the file is disposed.</summary>
public sealed class MappedWeightSection : ResidentWeightSection
{
    private readonly MappedFile _file;
    private readonly long _offset;

    internal MappedWeightSection(MappedFile file, long offset, long length)
    {
        _file = file;
        _offset = offset;
        Length = length;
    }

    public override long Length { get; }

    /// <summary>The first byte, at a multiple of 4096.</summary>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public unsafe byte* Pointer => _file.Pointer + _offset;

    public override ReadOnlyMemory<byte> Memory(long offset, int length)
    {
        CheckPart(offset, length);
        return _file.Memory(_offset + offset, length);
    }
}
