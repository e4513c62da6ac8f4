using System.Buffers;
using System.IO.MemoryMappedFiles;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers;

/// <summary>
/// A whole file of any size as memory. Like a <see cref="MappedFile"/> it is mapped until the process ends, or read when it is
/// small; unlike it, it is not bound to the 2 GiB of a span: parts are asked for by their offset.
/// </summary>
public sealed unsafe class FileMap
{
    /// <summary>Smaller files are read: a process may open thousands of them, and mappings are few.</summary>
    private const int SmallestMapping = 1 << 20;

    private readonly byte[]? _bytes;
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _start;

    private FileMap(string path, byte[] bytes) => (Path, _bytes, Length) = (path, bytes, bytes.Length);

    private FileMap(string path, MemoryMappedFile file, MemoryMappedViewAccessor view, long length)
    {
        (Path, _file, _view, Length) = (path, file, view, length);
        byte* pages = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pages);
        _start = pages + view.PointerOffset;
    }

    public string Path { get; }

    public long Length { get; }

    /// <exception cref="DiagnosticException">The file cannot be read; <paramref name="code"/> is the diagnostic's code.</exception>
    public static FileMap Open(string path, string code)
    {
        try
        {
            using FileStream stream = InputFile.Open(path, bufferSize: 1);
            if (stream.Length < SmallestMapping)
            {
                byte[] bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return new FileMap(path, bytes);
            }
            long length = stream.Length;
            MemoryMappedFile file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new FileMap(path, file, file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read), length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Unreadable(path, code, e);
        }
    }

    /// <summary>Why a file cannot be read; of a folder the system says that access is denied.</summary>
    internal static DiagnosticException Unreadable(string path, string code, Exception e) => new(Directory.Exists(path)
        ? Diagnostic.Error(code, "cannot read the file: it is a folder", path, "name the file in it")
        : Diagnostic.Error(code, $"cannot read the file: {e.Message}", path));

    /// <summary>Bytes that must lie within the file.</summary>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        Expect(offset, length);
        return _bytes is null ? new(_start + offset, length) : _bytes.AsSpan((int)offset, length);
    }

    /// <inheritdoc cref="Span"/>
    public ReadOnlyMemory<byte> Memory(long offset, int length)
    {
        Expect(offset, length);
        return _bytes is null ? new Part(this, offset, length).Memory : _bytes.AsMemory((int)offset, length);
    }

    /// <summary>A part of any length, which must lie within the file.</summary>
    /// <param name="location">What it is and where it lies, for diagnostics.</param>
    public LongBytes Bytes(long offset, long length, string location)
    {
        Expect(offset, length);
        return new LongPart(this, offset, length, location);
    }

    private void Expect(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
    }

    private sealed class LongPart(FileMap file, long start, long length, string location) : LongBytes
    {
        public override long Length => length;

        public override string Location => location;

        protected override ReadOnlyMemory<byte> View(long offset, int length) => file.Memory(start + offset, length);
    }

    /// <summary>The map owns the bytes, and a part keeps the map alive: pinning and disposal do nothing.</summary>
    private sealed class Part(FileMap file, long offset, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(file._start + offset, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(file._start + offset + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
