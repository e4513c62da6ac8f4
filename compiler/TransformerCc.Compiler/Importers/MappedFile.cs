using System.Buffers;
using System.IO.MemoryMappedFiles;
using TransformerCc.Isa;
using TransformerCc.Isa.Files;
using TransformerCc.Isa.Tensors;

namespace TransformerCc.Compiler.Importers;

/// <summary>
/// Part of a file as memory. Large parts are mapped: tensors view the pages of the file and nothing is copied to the heap.
/// </summary>
/// <remarks>
/// A mapping stays until the process ends. It costs address space, not memory, and a span over it can then never outlive
/// it. Files below <see cref="SmallestMapping"/> are read instead, so that a process that imports thousands of small
/// models does not run out of mappings. A span holds at most 2 GiB: a larger file is mapped in parts,
/// one for each tensor, and what is larger than that is viewed in parts.
/// </remarks>
public sealed unsafe class MappedFile : MemoryManager<byte>
{
    private const int SmallestMapping = 1 << 20;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly int _length;

    private MappedFile(MemoryMappedFile file, MemoryMappedViewAccessor view, int length)
    {
        _file = file;
        _view = view;
        _length = length;
        byte* pages = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pages);
        // A view begins at a page boundary; the part that was asked for lies further on.
        _start = pages + view.PointerOffset;
    }

    /// <summary><paramref name="length"/> bytes from <paramref name="offset"/>, to the end of the file when null.</summary>
    /// <exception cref="DiagnosticException">The file cannot be read or does not hold that range; <paramref name="code"/> is the diagnostic's code.</exception>
    public static ReadOnlyMemory<byte> Open(string path, string code, long offset = 0, long? length = null)
    {
        try
        {
            using FileStream stream = InputFile.Open(path, bufferSize: 1);
            long size = stream.Length;
            long count = length ?? size - offset;
            Expect(path, code, size, offset, count);
            if (count > int.MaxValue)
            {
                throw new DiagnosticException(Diagnostic.Error(code, $"{count} bytes in one piece: at most {int.MaxValue} can be mapped", path));
            }
            if (count < SmallestMapping)
            {
                byte[] bytes = new byte[count];
                stream.Position = offset;
                stream.ReadExactly(bytes);
                return bytes;
            }
            MemoryMappedFile file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new MappedFile(file, file.CreateViewAccessor(offset, count, MemoryMappedFileAccess.Read), (int)count).Memory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw FileMap.Unreadable(path, code, e);
        }
    }

    /// <summary>A part that may have more bytes than a span; it is viewed through a map of the whole file.</summary>
    /// <param name="location">What it is and where it lies, for diagnostics.</param>
    /// <exception cref="DiagnosticException">The file cannot be read or does not hold that range.</exception>
    public static LongBytes OpenLong(string path, string code, long offset, long length, string location)
    {
        FileMap file = FileMap.Open(path, code);
        Expect(path, code, file.Length, offset, length);
        return file.Bytes(offset, length, location);
    }

    private static void Expect(string path, string code, long size, long offset, long count)
    {
        if (offset < 0 || count < 0 || offset > size || count > size - offset)
        {
            throw new DiagnosticException(Diagnostic.Error(code,
                $"bytes {offset} to {(Int128)offset + count} are not in the file, which has {size}", path, "the file is cut short, or belongs to another model"));
        }
    }

    public override Span<byte> GetSpan() => new(_start, _length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
        }
    }
}
